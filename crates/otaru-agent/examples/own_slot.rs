//! Installs by an installer of its own: a flash chip (here a file) with two halves and a byte that tells the boot
//! loader which of them to start.
//!
//! ```sh
//! DEVICE_SECRET=… own_slot 127.0.0.1:1883 pump pump-001 pump-001
//! ```

use std::{env, error::Error, fs::File, io, os::unix::fs::FileExt};

use otaru_agent::{
    Agent, AgentEvent, BrokerConfig, ByteRange, Config, DeviceConfig, Install, Module, Running, Slot,
    SlotError, TaskSummary,
};

const USAGE: &str = "usage: DEVICE_SECRET=… own_slot HOST:PORT PRODUCT_KEY DEVICE_NAME FOLDER";
/// Half of the chip, in bytes.
const HALF: u64 = 1 << 20;

struct Chip {
    flash: File,
    /// Where the half that is written begins.
    base: u64,
}

impl Install for Chip {
    fn prepare(&mut self, slot: Slot, sizes: &[u64], _resume: bool) -> Result<(), SlotError> {
        match sizes {
            [size] if *size <= HALF => self.base = if slot == Slot::A { 0 } else { HALF },
            [_] => return Err(SlotError::Full(format!("half of the chip has {HALF} bytes"))),
            _ => return Err(SlotError::Refused("the chip takes one file".into())),
        }
        Ok(())
    }

    fn store(&mut self, _file: usize, offset: u64, bytes: &[u8]) -> Result<(), SlotError> {
        self.flash.write_all_at(bytes, self.base + offset).map_err(broken)
    }

    fn sync(&mut self) -> Result<(), SlotError> {
        self.flash.sync_data().map_err(broken)
    }

    fn read_back(&mut self, _file: usize, range: ByteRange) -> Result<Vec<u8>, SlotError> {
        let mut bytes = vec![0; range.len() as usize];
        self.flash.read_exact_at(&mut bytes, self.base + range.start).map_err(broken)?;
        Ok(bytes)
    }

    fn install(&mut self, _: Slot, package: &TaskSummary) -> Result<(), SlotError> {
        println!("{} of {} bytes is proven", package.version, package.total_bytes);
        Ok(())
    }

    fn settle(&mut self, running: &Running) -> Result<(), SlotError> {
        self.flash.write_all_at(running.slot.name().as_bytes(), 2 * HALF).map_err(broken)?;
        self.sync()
    }
}

fn broken(error: io::Error) -> SlotError {
    SlotError::Medium(error.to_string())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ([broker, product_key, device_name, folder], Ok(secret)) =
        (arguments.as_slice(), env::var("DEVICE_SECRET"))
    else {
        return Err(USAGE.into());
    };
    let flash = File::options().read(true).write(true).create(true).truncate(false).open("chip.bin")?;
    flash.set_len(2 * HALF + 1)?;
    let chip: Box<dyn Install> = Box::new(Chip { flash, base: 0 });
    let device = DeviceConfig::new(product_key, device_name, &secret, "1.0.0")?;
    let config = Config::new(device, BrokerConfig::new(broker)?, folder);
    let agent = Agent::with_installers(config, [(Module::default(), chip)])?;

    let handle = agent.handle();
    let mut outcome = Err("it ended before it was updated".to_owned());
    agent.run(&mut |event| {
        println!("{event:?}");
        outcome = match event {
            AgentEvent::Updated { .. } => Ok(()),
            AgentEvent::Failed { reason, .. } | AgentEvent::FellBack { reason, .. } => Err(reason.clone()),
            _ => return,
        };
        handle.stop();
    })?;
    Ok(outcome?)
}
