//! A device of OneNET, which asks for its updates by calls over HTTP: waits for one and ends, status 0 once the platform has
//! been told of the new version, else the reason.
//!
//! ```sh
//! DEVICE_SECRET=… onenet http://127.0.0.1:8080 PrdTest001 meter-01 meter-01
//! ```

use std::{env, error::Error, time::Duration};

use otaru_agent::{Agent, AgentEvent, Config, DeviceConfig, DialectName, PlatformConfig, Seconds};

const USAGE: &str = "usage: DEVICE_SECRET=… onenet URL PRODUCT_ID DEVICE_NAME FOLDER";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ([url, product, name, folder], Ok(key)) = (arguments.as_slice(), env::var("DEVICE_SECRET")) else {
        return Err(USAGE.into());
    };
    let mut device = DeviceConfig::new(product, name, &key, "1.0.0")?;
    device.dialect = DialectName::OnenetFuse; // or OnenetTid, or OnenetToken, whose name is the device's number
    let mut config = Config::over_http(device, PlatformConfig::new(url)?, folder);
    config.policy.poll_interval_s = Some(Seconds(Duration::from_secs(60)));
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
