//! Keeps a device up to date: the shortest program around the agent.
use otaru_agent::{Agent, BrokerConfig, Config, DeviceConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = std::env::args().nth(1).ok_or("usage: update HOST:PORT")?;
    let secret = std::env::var("DEVICE_SECRET").map_err(|_| "DEVICE_SECRET is not set")?;
    let device = DeviceConfig::new("pump", "pump-001", &secret, "1.0.0")?;
    let config = Config::new(device, BrokerConfig::new(&broker)?, "pump-001");
    Agent::new(config)?.run(&mut |event| println!("{event:?}"))?;
    Ok(())
}
