//! Which devices are behind which gateway: a column of the devices.

use otaru_wire::{DeviceId, MAX_SUB_DEVICES};
use rusqlite::Connection;

use super::{
    super::{Answer, Gateways, StoreError, What},
    Sqlite,
    errors::found,
    tasks::DEVICE_ROW,
};

impl Gateways for Sqlite {
    fn set_gateway(&self, devices: Vec<DeviceId>, gateway: &DeviceId) -> Answer<'_, ()> {
        let gateway = gateway.clone();
        self.writing(move |connection| {
            let gateway = row_of(connection, &gateway)?;
            let mut set = connection.prepare_cached("UPDATE devices SET gateway = ?2 WHERE id = ?1")?;
            for device in &devices {
                set.execute((row_of(connection, device)?, gateway))?;
            }
            let behind: u32 = connection
                .prepare_cached("SELECT count(*) FROM devices WHERE gateway = ?1")?
                .query_row([gateway], |row| row.get(0))?;
            if behind as usize > MAX_SUB_DEVICES {
                return Err(StoreError::Conflict("a gateway may have no more devices behind it"));
            }
            Ok(())
        })
    }

    fn unset_gateway(&self, devices: Vec<DeviceId>, gateway: &DeviceId) -> Answer<'_, ()> {
        let gateway = gateway.clone();
        self.writing(move |connection| {
            let gateway = row_of(connection, &gateway)?;
            let mut unset = connection
                .prepare_cached("UPDATE devices SET gateway = NULL WHERE id = ?1 AND gateway = ?2")?;
            for device in &devices {
                if unset.execute((row_of(connection, device)?, gateway))? == 0 {
                    return Err(StoreError::Conflict("the device is not behind this gateway"));
                }
            }
            Ok(())
        })
    }
}

fn row_of(connection: &Connection, device: &DeviceId) -> Result<i64, StoreError> {
    let row = connection
        .prepare_cached(DEVICE_ROW)?
        .query_row([device.product.as_str(), device.device.as_str()], |row| row.get(0));
    found(row, What::Device)
}
