//! One package of several files, the parts of one version: told file by file and as a whole, and where each lies then.
//! The download goes on inside the file where a power cut or a stop ended it.
//!
//! ```sh
//! DEVICE_SECRET=… several_files 127.0.0.1:1883 pump pump-001 pump-001
//! ```

use std::{env, error::Error, time::Duration};

use otaru_agent::{Agent, AgentEvent, BrokerConfig, Config, DeviceConfig, Seconds, active_folder};

const USAGE: &str = "usage: DEVICE_SECRET=… several_files HOST:PORT PRODUCT_KEY DEVICE_NAME FOLDER";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ([broker, product_key, device_name, folder], Ok(secret)) =
        (arguments.as_slice(), env::var("DEVICE_SECRET"))
    else {
        return Err(USAGE.into());
    };
    let device = DeviceConfig::new(product_key, device_name, &secret, "1.0.0")?;
    let mut config = Config::new(device, BrokerConfig::new(broker)?, folder);
    config.policy.report_percent = Some(10);
    config.policy.report_interval_s = Some(Seconds(Duration::ZERO));
    let agent = Agent::new(config)?;

    let handle = agent.handle();
    let mut outcome = Err("it ended before it was updated".to_owned());
    agent.run(&mut |event| match event {
        AgentEvent::Offered { version, contents, total_bytes, .. } => {
            println!("{version} has {} files, {total_bytes} bytes together", contents.len());
        }
        AgentEvent::Fetching { file, offset, .. } => println!("file {file} from byte {offset}"),
        AgentEvent::Fetched { file, end, size, .. } => println!("file {file}: {end} of {size} bytes"),
        AgentEvent::Progress { file, file_done, file_total, done, total, .. } => {
            println!("file {file}: {} %, all: {} %", file_done * 100 / file_total, done * 100 / total);
        }
        AgentEvent::Updated { version, .. } => {
            outcome = Ok(version.clone());
            handle.stop();
        }
        AgentEvent::Failed { reason, .. } | AgentEvent::FellBack { reason, .. } => {
            outcome = Err(reason.clone());
            handle.stop();
        }
        _ => {}
    })?;
    println!("{} runs from:", outcome?);

    let files = active_folder(folder.as_ref(), &"default".parse()?)?.ok_or("no update was installed")?;
    for file in files.read_dir()? {
        println!("{}", file?.path().display());
    }
    Ok(())
}
