//! The platform's and the operators' commands, their options and their help.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};
use otaru_platform::http::shapes::{
    CampaignId, Dialect, Listed, Over, PackageId, Policy, Registrants, Serial,
};
use otaru_wire::{DeviceName, DigestMethod, Module, ProductKey, Version};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the platform: devices by MQTT and HTTP, operators by HTTP
    Serve(ServeArgs),
    /// Run a platform and devices on this machine and update them all
    Demo(DemoArgs),
    /// Make and list products
    Product(Operator<ProductCommand>),
    /// Make and list devices
    Device(Operator<DeviceCommand>),
    /// Upload and list update packages
    Package(Operator<PackageCommand>),
    /// Start, watch and cancel campaigns
    Campaign(Operator<CampaignCommand>),
    /// List the tasks of a campaign
    Task(Operator<TaskCommand>),
    /// Set, push and follow products' remote configuration
    Config(Operator<ConfigCommand>),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Folder for the database and the files; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "otaru-data")]
    pub(crate) data: PathBuf,
    /// Address where devices connect by MQTT (port 0: a free one)
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1883")]
    pub(crate) mqtt: SocketAddr,
    /// Address where devices download and operators call (port 0: a free one)
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) http: SocketAddr,
    /// What download links begin with, as devices reach it, such as `https://ota.example` (default: the --http
    /// address; needed when that one is all of this machine's)
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Refuse what OneNET devices say out of the documented order (default: steps may be left out)
    #[arg(long)]
    pub(crate) onenet_strict: bool,
    /// What devices of JD have otherwise than otaru proposes, where JD published nothing: a TOML file with the keys of
    /// `[device.jd]` in an agent's configuration (docs/dialects/jd.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) jd: Option<PathBuf>,
    /// Print one JSON object a line; the first, once both ports listen, is the event `ready`
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop when stdin closes: a parent that ends, however it ends, leaves nothing behind
    #[arg(long)]
    pub(crate) stop_with_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How many devices
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) devices: u16,
    /// The firmware to send (default: this program itself)
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,
    /// Work in this folder, which must be empty or new, and leave everything there
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Print one JSON object a line; the last is the event `summary`
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the platform is, and one command for it.
#[derive(Debug, Args)]
pub(crate) struct Operator<C: Subcommand> {
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
    #[command(subcommand)]
    pub(crate) command: C,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PlatformArgs {
    /// The platform's HTTP address
    #[arg(
        long,
        global = true,
        env = "OTARU_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(crate) url: String,
    /// The operator token that `otaru serve` printed at its first start
    #[arg(long, global = true, env = "OTARU_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Print one JSON object a line and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProductCommand {
    /// Make a product; prints its secret
    Create {
        /// Its key: letters, digits, `_`, `-`
        key: ProductKey,
        /// The dialect its devices speak
        #[arg(long, default_value = "aliyun")]
        dialect: Dialect,
        /// The secret its devices have already (default: a new one)
        #[arg(long, value_name = "SECRET")]
        secret: Option<String>,
        /// Devices that may register themselves with the product's secret: off, listed (those you made) or any (the
        /// platform makes those it does not know)
        #[arg(long, value_name = "WHICH", default_value = "off")]
        register: Registrants,
        /// Let devices register again that have logged in before: for SDKs that never store their secret
        #[arg(long, requires = "register")]
        register_again: bool,
    },
    /// Change which devices of a product may register themselves with its secret
    Registration {
        /// The product's key
        key: ProductKey,
        /// off, listed (devices you made) or any (the platform makes those it does not know)
        devices: Registrants,
        /// Also devices that have logged in before: for SDKs that never store their secret
        #[arg(long)]
        again: bool,
    },
    /// List products
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    /// Make a device; prints its secret
    Create {
        /// The product's key
        product: ProductKey,
        /// The device's name
        name: DeviceName,
        /// The secret it has already (default: a new one)
        #[arg(long, value_name = "SECRET")]
        secret: Option<String>,
        /// What it asks for its name with: OneNET's authInfo
        #[arg(long, value_name = "TEXT")]
        serial: Option<Serial>,
    },
    /// List a product's devices and what they run
    List {
        /// The product's key
        product: ProductKey,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PackageCommand {
    /// Upload files and make a package of them
    Create(PackageArgs),
    /// List packages
    List,
}

#[derive(Debug, Args)]
pub(crate) struct PackageArgs {
    /// The product's key; several where the same hardware has a product on each of several clouds
    #[arg(long, value_name = "P,Q", value_delimiter = ',', required = true)]
    pub(crate) product: Vec<ProductKey>,
    /// The version its devices will report when they run it
    #[arg(long, value_name = "V")]
    pub(crate) version: Version,
    /// The module it is for (default: the whole device)
    #[arg(long, value_name = "M")]
    pub(crate) module: Option<Module>,
    /// The digest that devices are told
    #[arg(long, value_name = "METHOD", value_enum, default_value_t = Method::Sha256)]
    pub(crate) digest: Method,
    /// How devices fetch the files: http, or mqtt in blocks (files of at most 16 MiB; not for v3 SDKs)
    #[arg(long, value_name = "WAY", default_value_t = Over::Http)]
    pub(crate) over: Over,
    /// Extra data for the devices: a JSON object
    #[arg(long, value_name = "JSON")]
    pub(crate) extra: Option<String>,
    /// The files, in the order devices fetch them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CampaignCommand {
    /// Start a campaign at once
    Create(CampaignArgs),
    /// Watch a campaign until it ends
    Watch {
        /// The campaign's id
        id: CampaignId,
    },
    /// Cancel what has not ended
    Cancel {
        /// The campaign's id
        id: CampaignId,
    },
    /// List campaigns
    List,
}

#[derive(Debug, Args)]
pub(crate) struct CampaignArgs {
    /// The package's id
    #[arg(long, value_name = "ID")]
    pub(crate) package: PackageId,
    /// Only these devices; each as PRODUCT/DEVICE if the package is for several products (default: all of them)
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) devices: Option<Vec<Listed>>,
    /// Only devices that run one of these versions
    #[arg(long, value_name = "V,W", value_delimiter = ',')]
    pub(crate) source_versions: Option<Vec<Version>>,
    /// Minutes a device may take, from its first progress report
    #[arg(long, value_name = "MINUTES")]
    pub(crate) timeout: Option<u32>,
    /// More attempts after one that failed, at most 5; never after a timeout
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u8>,
    /// Minutes from a failure to the next attempt, at most 4320 (default: 0, which is after 10 s)
    #[arg(long, value_name = "MINUTES", requires = "retries")]
    pub(crate) retry_interval: Option<u32>,
    /// Days after which devices are told no more, and what has not begun fails, 1 to 30 (default: never)
    #[arg(long, value_name = "DAYS")]
    pub(crate) valid_days: Option<u32>,
    /// Seconds within which a device has to say something about its notice, at most 3600; else the attempt failed. 0: it
    /// need not (default: 10 for devices of JD, as its own platform has it, and 0 for all others)
    #[arg(long, value_name = "SECONDS")]
    pub(crate) answer_timeout: Option<u32>,
    /// Who chooses the moment: standard (the device begins when it is told) or silent (the device; others than JD's, which
    /// cannot be told so, are skipped)
    #[arg(long, value_name = "POLICY", default_value_t = Policy::Standard)]
    pub(crate) policy: Policy,
}

/// A digest method by its name on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Method {
    Sha256,
    /// For devices that know nothing else
    Md5,
}

impl From<Method> for DigestMethod {
    fn from(method: Method) -> DigestMethod {
        match method {
            Method::Sha256 => DigestMethod::Sha256,
            Method::Md5 => DigestMethod::Md5,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Upload a file and make it a product's configuration; devices that ask get it from now on
    Set {
        /// The product's key
        product: ProductKey,
        /// The file
        file: PathBuf,
    },
    /// Push the newest configuration to devices that do not ask
    Push {
        /// The product's key
        product: ProductKey,
        /// Only to these devices (default: all of the product)
        #[arg(long, value_name = "A,B", value_delimiter = ',')]
        devices: Option<Vec<DeviceName>>,
    },
    /// List the versions that are kept, the newest first
    List {
        /// The product's key
        product: ProductKey,
    },
    /// List what became of it on each device
    Devices {
        /// The product's key
        product: ProductKey,
    },
    /// Switch it off: devices that ask are told so. `set` switches it on again
    Off {
        /// The product's key
        product: ProductKey,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// List a campaign's tasks: device, state, progress, attempt, and what each waits for or why it failed
    List {
        /// The campaign's id
        #[arg(long, value_name = "ID")]
        campaign: CampaignId,
    },
}
