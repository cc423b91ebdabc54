//! Asks for the product's remote configuration, and takes it when it is there or once it is pushed: one file, which this
//! program shows, beside the updates that go on as ever.
//!
//! ```sh
//! DEVICE_SECRET=… remote_config 127.0.0.1:1883 pump pump-001 pump-001
//! ```

use std::{env, error::Error, path::Path};

use otaru_agent::{Agent, AgentEvent, BrokerConfig, Config, DeviceConfig, RemoteConfig};

const USAGE: &str = "usage: DEVICE_SECRET=… remote_config HOST:PORT PRODUCT_KEY DEVICE_NAME FOLDER";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ([broker, product_key, device_name, folder], Ok(secret)) =
        (arguments.as_slice(), env::var("DEVICE_SECRET"))
    else {
        return Err(USAGE.into());
    };
    let device = DeviceConfig::new(product_key, device_name, &secret, "1.0.0")?;
    let mut config = Config::new(device, BrokerConfig::new(broker)?, folder);
    let settings = Path::new(folder).join("settings");
    config.remote_config = Some(RemoteConfig { ask_at_connect: true, ..RemoteConfig::new(&settings) });
    let agent = Agent::new(config)?;

    let handle = agent.handle();
    let mut outcome = Err("it ended before a configuration came".to_owned());
    agent.run(&mut |event| {
        println!("{event:?}");
        outcome = match event {
            AgentEvent::ConfigTaken { .. } => Ok(()),
            AgentEvent::ConfigFailed { reason, .. } => Err(reason.clone()),
            _ => return,
        };
        handle.stop();
    })?;
    outcome?;
    println!("{}", std::fs::read_to_string(settings)?);
    Ok(())
}
