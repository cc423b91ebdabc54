//! For a device that has MQTT and nothing else: packages made with `--over mqtt` come in blocks through the session that
//! is there anyway. The package says how it comes; the device says how large its blocks are.
//!
//! ```sh
//! DEVICE_SECRET=… mqtt_download 127.0.0.1:1883 pump pump-001 pump-001
//! ```

use std::{env, error::Error, time::Duration};

use otaru_agent::{Agent, AgentEvent, BrokerConfig, Config, DeviceConfig, Seconds};

const USAGE: &str = "usage: DEVICE_SECRET=… mqtt_download HOST:PORT PRODUCT_KEY DEVICE_NAME FOLDER";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ([broker, product_key, device_name, folder], Ok(secret)) =
        (arguments.as_slice(), env::var("DEVICE_SECRET"))
    else {
        return Err(USAGE.into());
    };
    let device = DeviceConfig::new(product_key, device_name, &secret, "1.0.0")?;
    let mut config = Config::new(device, BrokerConfig::new(broker)?, folder);
    config.policy.block_bytes = Some(16_384);
    config.policy.block_timeout_s = Some(Seconds(Duration::from_secs(5)));
    let agent = Agent::new(config)?;

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
