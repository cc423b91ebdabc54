//! A gateway with two sensors behind it, which have no session of their own: each is updated by itself, over the
//! gateway's one connection.
//!
//! ```sh
//! DEVICE_SECRET=… SENSOR_1_SECRET=… SENSOR_2_SECRET=… gateway 127.0.0.1:1883 pump pump-001 pump-001
//! ```

use std::{collections::BTreeSet, env, error::Error};

use otaru_agent::{Agent, AgentEvent, BrokerConfig, Config, DeviceConfig, SubDevice};

const USAGE: &str = "usage: DEVICE_SECRET=… SENSOR_1_SECRET=… SENSOR_2_SECRET=… gateway HOST:PORT PRODUCT_KEY DEVICE_NAME FOLDER";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ([broker, product_key, device_name, folder], Ok(secret)) =
        (arguments.as_slice(), env::var("DEVICE_SECRET"))
    else {
        return Err(USAGE.into());
    };
    let device = DeviceConfig::new(product_key, device_name, &secret, "1.0.0")?;
    let mut config = Config::new(device, BrokerConfig::new(broker)?, folder);
    for number in 1..=2 {
        let secret = env::var(format!("SENSOR_{number}_SECRET")).map_err(|_| USAGE)?;
        config.sub_devices.push(SubDevice::new("sensor", &format!("sensor-{number}"), &secret, "1.0.0")?);
    }
    let mut waiting: BTreeSet<_> = config.sub_devices.iter().map(SubDevice::id).collect();
    let agent = Agent::new(config)?;

    let handle = agent.handle();
    let mut failure = None;
    agent.run_gateway(&mut |told| {
        match &told.sub_device {
            Some(sensor) => println!("{sensor}: {:?}", told.event),
            None => println!("the gateway: {:?}", told.event),
        }
        match (&told.event, &told.sub_device) {
            (AgentEvent::Updated { .. }, Some(sensor)) => drop(waiting.remove(sensor)),
            (AgentEvent::Failed { reason, .. } | AgentEvent::NotAdmitted { reason }, _) => {
                failure = Some(reason.clone());
            }
            _ => {}
        }
        if waiting.is_empty() || failure.is_some() {
            handle.stop();
        }
    })?;
    match failure {
        Some(reason) => Err(reason.into()),
        None if waiting.is_empty() => Ok(()),
        None => Err("it ended before both sensors were updated".into()),
    }
}
