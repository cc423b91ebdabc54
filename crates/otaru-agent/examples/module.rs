//! A device with a motor controller that has versions of its own: the module `motor` is updated, the rest stays.
//!
//! ```sh
//! DEVICE_SECRET=… module 127.0.0.1:1883 pump pump-001 pump-001
//! ```

use std::{env, error::Error};

use otaru_agent::{Agent, AgentEvent, BrokerConfig, Config, DeviceConfig, ModuleConfig};

const USAGE: &str = "usage: DEVICE_SECRET=… module HOST:PORT PRODUCT_KEY DEVICE_NAME FOLDER";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ([broker, product_key, device_name, folder], Ok(secret)) =
        (arguments.as_slice(), env::var("DEVICE_SECRET"))
    else {
        return Err(USAGE.into());
    };
    let device = DeviceConfig::new(product_key, device_name, &secret, "1.0.0")?;
    let mut config = Config::new(device, BrokerConfig::new(broker)?, folder);
    config.modules.push(ModuleConfig::new("motor", "7")?);
    let agent = Agent::new(config)?;

    let handle = agent.handle();
    let mut outcome = Err("it ended before the motor was updated".to_owned());
    agent.run(&mut |event| {
        match event {
            AgentEvent::Started { modules, .. } => {
                modules
                    .iter()
                    .for_each(|it| println!("{} runs {} from slot {:?}", it.module, it.version, it.slot));
            }
            event => println!("{event:?}"),
        }
        outcome = match event {
            AgentEvent::Updated { module, .. } if module.as_str() == "motor" => Ok(()),
            AgentEvent::Failed { reason, .. } | AgentEvent::FellBack { reason, .. } => Err(reason.clone()),
            _ => return,
        };
        handle.stop();
    })?;
    Ok(outcome?)
}
