//! Which devices a campaign asks for.

use std::{collections::HashSet, fmt, str::FromStr};

use otaru_wire::{DeviceId, DeviceName, IdError, ProductKey};
use serde::{Deserialize, Serialize};

use crate::{CampaignError, ProductKeys};

/// Which devices a campaign asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// Every device that the package's products have now.
    All,
    /// These. One named twice counts once.
    List(Vec<Listed>),
}

/// A device as a campaign's list names it: `pump-1`, or `a1Pump/pump-1` where the package is for several products.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Listed {
    /// Its product; none: the package's only one.
    pub product: Option<ProductKey>,
    /// Its name within the product.
    pub device: DeviceName,
}

/// Why a text names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a device is written as DEVICE or PRODUCT/DEVICE: {0}")]
pub struct NotListed(#[from] IdError);

impl Targets {
    /// The listed devices of a package for these products, each once and in the list's order; none if all are meant.
    ///
    /// # Errors
    /// [`CampaignError::WhichProduct`] if a name stands alone that could be any of several products'.
    pub fn resolve(self, products: &ProductKeys) -> Result<Option<Vec<DeviceId>>, CampaignError> {
        let Targets::List(list) = self else { return Ok(None) };
        let mut once = HashSet::new();
        let mut devices = Vec::with_capacity(list.len());
        for Listed { product, device } in list {
            let Some(product) = product.or_else(|| products.only().cloned()) else {
                return Err(CampaignError::WhichProduct { device });
            };
            let id = DeviceId { product, device };
            if once.insert(id.clone()) {
                devices.push(id);
            }
        }
        Ok(Some(devices))
    }
}

impl From<DeviceName> for Listed {
    fn from(device: DeviceName) -> Self {
        Self { product: None, device }
    }
}

impl From<DeviceId> for Listed {
    fn from(DeviceId { product, device }: DeviceId) -> Self {
        Self { product: Some(product), device }
    }
}

impl FromStr for Listed {
    type Err = NotListed;

    fn from_str(text: &str) -> Result<Self, NotListed> {
        // No id holds a slash.
        Ok(match text.split_once('/') {
            Some((product, device)) => Self { product: Some(product.parse()?), device: device.parse()? },
            None => Self { product: None, device: text.parse()? },
        })
    }
}

impl TryFrom<String> for Listed {
    type Error = NotListed;

    fn try_from(text: String) -> Result<Self, NotListed> {
        text.parse()
    }
}

impl From<Listed> for String {
    fn from(listed: Listed) -> String {
        listed.to_string()
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.product {
            Some(product) => write!(f, "{product}/{}", self.device),
            None => self.device.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Targets {
        Targets::List(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn keys(texts: &[&str]) -> ProductKeys {
        let keys: Vec<ProductKey> = texts.iter().map(|text| text.parse().unwrap()).collect();
        keys.try_into().unwrap()
    }

    fn resolved(texts: &[&str], products: &[&str]) -> Vec<String> {
        let devices = list(texts).resolve(&keys(products)).unwrap().unwrap();
        devices.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_listed_device_is_written_as_it_is_read_and_what_names_none_is_refused() {
        for text in ["pump-1", "a1Pump/pump-1"] {
            assert_eq!(text.parse::<Listed>().unwrap().to_string(), text);
        }
        for text in ["", "/pump-1", "a1Pump/", "a1Pump/pump/1", "a b"] {
            assert!(text.parse::<Listed>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_device_listed_twice_counts_once_however_it_is_written() {
        assert_eq!(resolved(&["d1", "a1/d1", "d2", "d1"], &["a1"]), ["a1/d1", "a1/d2"]);
        assert_eq!(resolved(&["a1/d1", "b2/d1"], &["a1", "b2"]), ["a1/d1", "b2/d1"]);
    }

    #[test]
    fn a_name_alone_is_refused_where_it_could_be_any_of_several_products() {
        let refused = list(&["a1/d1", "d2"]).resolve(&keys(&["a1", "b2"]));
        assert_eq!(refused, Err(CampaignError::WhichProduct { device: "d2".parse().unwrap() }));
        assert_eq!(Targets::All.resolve(&keys(&["a1", "b2"])), Ok(None));
    }
}
