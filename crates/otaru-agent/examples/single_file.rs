//! Waits for one update of one file, over its reboot, and ends: status 0 once the platform has been told of the new
//! version, else the reason.
//!
//! ```sh
//! DEVICE_SECRET=… single_file 127.0.0.1:1883 pump pump-001 pump-001
//! ```

use std::{env, error::Error};

use otaru_agent::{Agent, AgentEvent, BrokerConfig, Config, DeviceConfig, active_folder};

const USAGE: &str = "usage: DEVICE_SECRET=… single_file HOST:PORT PRODUCT_KEY DEVICE_NAME FOLDER";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ([broker, product_key, device_name, folder], Ok(secret)) =
        (arguments.as_slice(), env::var("DEVICE_SECRET"))
    else {
        return Err(USAGE.into());
    };
    let device = DeviceConfig::new(product_key, device_name, &secret, "1.0.0")?;
    let agent = Agent::new(Config::new(device, BrokerConfig::new(broker)?, folder))?;

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
    outcome?;

    let files = active_folder(folder.as_ref(), &"default".parse()?)?.ok_or("no update was installed")?;
    println!("the firmware is {}", files.join("0").display());
    Ok(())
}
