//! `otaru config`: products' remote configuration.

use anyhow::Context;
use otaru_platform::http::shapes::{
    Config, ConfigPush, ConfigPushed, Configs, DeviceConfig, DeviceConfigs, NewConfig,
};
use otaru_wire::ProductKey;

use super::{Client, calls, list, show, upload};
use crate::{
    cli::platform::{ConfigCommand, Operator},
    exit, output,
};

pub(crate) fn config(args: Operator<ConfigCommand>) -> anyhow::Result<u8> {
    let client = Client::new(&args.platform)?;
    let json = args.platform.json;
    match args.command {
        ConfigCommand::Set { product, file } => {
            let new = NewConfig { sha256: upload(&client, &file)?.sha256 };
            let made: Config = client
                .put(&path(&product), &new)
                .with_context(|| format!("setting the configuration of product {product}"))?;
            let text = format!(
                "set configuration {}: {}\nnext: otaru config push {product}",
                made.id,
                output::bytes(made.size)
            );
            show(json, &made, text)?;
        }
        ConfigCommand::Push { product, devices } => {
            let pushed: ConfigPushed = client
                .post(&format!("{}/push", path(&product)), &ConfigPush { devices })
                .with_context(|| format!("pushing the configuration of product {product}"))?;
            let mut text =
                format!("pushing configuration {} to {}", pushed.id, output::count(pushed.devices, "device"));
            for unknown in &pushed.unknown {
                text.push_str(&format!("\n  not {unknown}: there is no such device"));
            }
            text.push_str(&format!("\nnext: otaru config devices {product}"));
            show(json, &pushed, text)?;
        }
        ConfigCommand::List { product } => {
            let configs: Configs = client
                .fetch(&path(&product))
                .with_context(|| format!("asking for the configuration of product {product}"))?;
            if json {
                output::json(&configs)?;
                return Ok(exit::SUCCESS);
            }
            if !configs.on {
                eprintln!("the configuration of product {product} is switched off");
            }
            let row = |config: &Config| {
                vec![config.id.to_string(), output::bytes(config.size), config.sha256.clone()]
            };
            list(false, &configs.versions, &["id", "size", "sha256"], row)?;
        }
        ConfigCommand::Devices { product } => {
            let devices =
                calls::pages(&client, &format!("{}/devices", path(&product)), |page: DeviceConfigs| {
                    (page.devices, page.next)
                });
            let row = |device: &DeviceConfig| {
                let answered = device.code.map(|code| format!("answered {code}"));
                vec![
                    device.device.to_string(),
                    device.config_id.to_string(),
                    device.state.to_string(),
                    device.waiting_for.clone().or(answered).unwrap_or_default(),
                ]
            };
            let devices =
                devices.with_context(|| format!("asking for the configurations of product {product}"))?;
            list(json, &devices, &["device", "id", "state", ""], row)?;
        }
        ConfigCommand::Off { product } => {
            let off: Configs = client
                .delete(&path(&product))
                .with_context(|| format!("switching off the configuration of product {product}"))?;
            show(json, &off, format!("switched off the configuration of product {product}"))?;
        }
    }
    Ok(exit::SUCCESS)
}

fn path(product: &ProductKey) -> String {
    format!("/products/{product}/config")
}
