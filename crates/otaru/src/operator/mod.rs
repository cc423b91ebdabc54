//! Operator commands: what the platform's HTTP API offers, from a terminal or a script.

pub(crate) mod calls;
mod client;
mod config;
mod tasks;
mod watch;

use std::path::Path;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use otaru_platform::http::shapes::{
    NewCampaign, NewDevice, NewPackage, NewProduct, PackageFile, ProductKeys, Registration, Skipped,
};
use serde::Serialize;
use serde_json::value::RawValue;

pub(crate) use self::{client::Client, config::config, tasks::task};
use crate::{
    cli::platform::{
        CampaignArgs, CampaignCommand, DeviceCommand, Operator, PackageArgs, PackageCommand, ProductCommand,
    },
    exit, output,
};

pub(crate) fn product(args: Operator<ProductCommand>) -> anyhow::Result<u8> {
    let client = Client::new(&args.platform)?;
    match args.command {
        ProductCommand::Create { key, dialect, secret, register, register_again } => {
            let registration = Some(Registration { devices: register, again: register_again });
            let new = NewProduct { product_key: key, dialect, product_secret: secret, registration };
            let made = calls::create_product(&client, &new)?;
            let text = format!(
                "made product {key} (dialect {})\nproduct secret: {}\nnext: otaru device create {key} NAME",
                made.dialect,
                made.product_secret,
                key = made.product_key,
            );
            show(args.platform.json, &made, text)?;
        }
        ProductCommand::Registration { key, devices, again } => {
            let changed = calls::set_registration(&client, &key, Registration { devices, again })?;
            let text = format!("product {key}: registration {}", told(changed));
            show(args.platform.json, &changed, text)?;
        }
        ProductCommand::List => {
            let row = |product: &otaru_platform::http::shapes::Product| {
                vec![product.product_key.to_string(), product.dialect.to_string(), told(product.registration)]
            };
            let head = ["product", "dialect", "registration"];
            list(args.platform.json, &calls::products(&client)?, &head, row)?;
        }
    }
    Ok(exit::SUCCESS)
}

fn told(registration: Registration) -> String {
    let again = if registration.again { ", also again" } else { "" };
    format!("{}{again}", registration.devices)
}

pub(crate) fn device(args: Operator<DeviceCommand>) -> anyhow::Result<u8> {
    let client = Client::new(&args.platform)?;
    match args.command {
        DeviceCommand::Create { product, name, secret, serial } => {
            let new = NewDevice { device_name: name, device_secret: secret, serial };
            let made = calls::create_device(&client, &product, &new)?;
            let text = format!(
                "made device {}/{}\ndevice secret: {}\nnext: put the three into the agent's configuration (docs/agent.md)",
                made.product_key, made.device_name, made.device_secret,
            );
            show(args.platform.json, &made, text)?;
        }
        DeviceCommand::List { product } => {
            let devices = calls::devices(&client, &product)?;
            // Most fleets have no gateways; an empty column would only make them wonder.
            let gateways = devices.iter().any(|device| device.gateway.is_some());
            let head = if gateways { &["device", "", "runs", "behind"][..] } else { &["device", "", "runs"] };
            list(args.platform.json, &devices, head, |device| {
                let versions: Vec<String> =
                    device.versions.iter().map(|(module, version)| format!("{module} {version}")).collect();
                let online = if device.online { "online" } else { "offline" };
                let behind = device.gateway.as_ref().map_or(String::new(), |gateway| {
                    format!("{}/{}", gateway.product_key, gateway.device_name)
                });
                let mut cells =
                    vec![device.device_name.to_string(), online.to_owned(), versions.join(", "), behind];
                cells.truncate(head.len());
                cells
            })?;
        }
    }
    Ok(exit::SUCCESS)
}

pub(crate) fn package(args: Operator<PackageCommand>) -> anyhow::Result<u8> {
    let client = Client::new(&args.platform)?;
    match args.command {
        PackageCommand::Create(package) => {
            let made = calls::create_package(&client, &upload_all(&client, package)?)?;
            for warning in &made.warnings {
                eprintln!("warning: {warning}");
            }
            let text = format!("made package {}\nnext: otaru campaign create --package {}", made.id, made.id);
            show(args.platform.json, &made, text)?;
        }
        PackageCommand::List => {
            let row = |package: &otaru_platform::http::shapes::Package| {
                let size = package.files.iter().map(|file| file.size).sum();
                vec![
                    package.id.to_string(),
                    keys(&package.product_keys),
                    package.module.to_string(),
                    package.version.to_string(),
                    package.files.len().to_string(),
                    output::bytes(size),
                ]
            };
            let head = ["id", "product", "module", "version", "files", "size"];
            list(args.platform.json, &calls::packages(&client)?, &head, row)?;
        }
    }
    Ok(exit::SUCCESS)
}

/// Checks what can be checked here before the first byte is sent, then uploads.
fn upload_all(client: &Client, package: PackageArgs) -> anyhow::Result<NewPackage> {
    let extra = package.extra.map(RawValue::from_string).transpose().context("--extra is not JSON")?;
    for file in &package.files {
        let found = file.metadata().with_context(|| format!("opening {}", file.display()))?;
        anyhow::ensure!(found.is_file(), "{} is not a file", file.display());
        anyhow::ensure!(found.len() > 0, "{} is empty; devices cannot take a file of size 0", file.display());
    }
    let products = ProductKeys::try_from(package.product)?;
    let files = package.files.iter().map(|file| upload(client, file)).collect::<Result<_, _>>()?;
    Ok(NewPackage {
        product_key: products.only().cloned(),
        product_keys: products.only().is_none().then_some(products),
        version: package.version,
        module: package.module.unwrap_or_default(),
        files,
        extra,
        digest_method: Some(package.digest.into()),
        over: package.over,
    })
}

/// Uploads a file, with a bar if stderr is a terminal.
fn upload(client: &Client, file: &Path) -> anyhow::Result<PackageFile> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template("{prefix} {bar:32} {percent:>3}% {bytes:>11}")?);
    bar.set_prefix(format!("uploading {}", file.display()));
    let uploaded = calls::upload(client, file, &bar);
    bar.finish_and_clear();
    uploaded
}

pub(crate) fn campaign(args: Operator<CampaignCommand>) -> anyhow::Result<u8> {
    let client = Client::new(&args.platform)?;
    match args.command {
        CampaignCommand::Create(campaign) => {
            let made = calls::create_campaign(&client, &new_campaign(campaign))?;
            let mut text = format!("started campaign {}: {}", made.id, output::count(made.tasks, "device"));
            for skipped in &made.skipped {
                let Skipped { product_key, device, reason } = skipped;
                text.push_str(&format!("\n  not {product_key}/{device}: {reason}"));
            }
            text.push_str(&format!("\nnext: otaru campaign watch {}", made.id));
            show(args.platform.json, &made, text)?;
        }
        CampaignCommand::Watch { id } => return watch::run(&client, id, args.platform.json),
        CampaignCommand::Cancel { id } => {
            let canceled = calls::cancel_campaign(&client, id)?;
            let text = {
                let ended = output::count(canceled.canceled, "open task");
                format!("canceled campaign {id}: {ended} ended")
            };
            show(args.platform.json, &canceled, text)?;
        }
        CampaignCommand::List => {
            let row = |campaign: &otaru_platform::http::shapes::Campaign| {
                vec![
                    campaign.id.to_string(),
                    keys(&campaign.product_keys),
                    campaign.module.to_string(),
                    campaign.version.to_string(),
                    watch::state(campaign.state).to_owned(),
                    watch::counts(campaign),
                ]
            };
            let head = ["id", "product", "module", "version", "state", "tasks"];
            list(args.platform.json, &calls::campaigns(&client)?, &head, row)?;
        }
    }
    Ok(exit::SUCCESS)
}

fn new_campaign(args: CampaignArgs) -> NewCampaign {
    NewCampaign {
        package_id: args.package,
        devices: args.devices,
        source_versions: args.source_versions.unwrap_or_default(),
        timeout_minutes: args.timeout,
        retries: args.retries,
        retry_interval_minutes: args.retry_interval,
        answer_timeout_seconds: args.answer_timeout,
        valid_days: args.valid_days,
        policy: args.policy,
    }
}

fn keys(products: &ProductKeys) -> String {
    products.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// One thing: its JSON form, or words about it.
fn show(json: bool, thing: &impl Serialize, text: String) -> anyhow::Result<()> {
    if json { output::json(thing) } else { output::line(text) }
}

/// Many things: one JSON object a line, or a table.
fn list<T: Serialize>(
    json: bool,
    things: &[T],
    head: &[&str],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    if json {
        return things.iter().try_for_each(output::json);
    }
    let mut rows = vec![head.iter().map(|cell| (*cell).to_owned()).collect()];
    rows.extend(things.iter().map(row));
    output::line(output::table(&rows).trim_end())
}
