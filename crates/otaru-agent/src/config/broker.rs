//! `[broker]`: where the platform is.

use std::{fmt, net::ToSocketAddrs, path::PathBuf};

use otaru_wire::{
    ProductKey,
    dialect::aliyun::regions::{self, Region},
    mqtt::ProtocolVersion,
};
use serde::Deserialize;

use super::{Wrong, value};

/// `[broker]`. Exactly one of `address`, `region` and `instance` is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerConfig {
    /// Host and port, with a colon between.
    #[serde(default, deserialize_with = "value::address")]
    pub address: Option<String>,
    /// A region of the vendor's cloud, for products on its older public instances.
    #[serde(default)]
    pub region: Option<String>,
    /// An instance of the vendor's cloud.
    #[serde(default)]
    pub instance: Option<String>,
    /// The port of a region's or an instance's host. Default: 1883.
    #[serde(default, deserialize_with = "value::some_within::<_, 1, 65535>")]
    pub port: Option<u64>,
    /// TLS from the first byte. Default: false.
    #[serde(default)]
    pub tls: bool,
    /// A PEM file: the only certificates that the platform's may lead to. Default: the web's roots.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Silence after which the session is probed, in seconds. Default: 60.
    #[serde(default = "sixty", deserialize_with = "value::within::<_, 1, 65535>")]
    pub keep_alive_s: u64,
    /// The MQTT level. Default: `3.1.1`.
    #[serde(default)]
    pub mqtt_version: MqttVersion,
}

/// An MQTT level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum MqttVersion {
    /// 3.1.1
    #[default]
    #[serde(rename = "3.1.1")]
    V311,
    /// 5
    #[serde(rename = "5")]
    V5,
}

fn sixty() -> u64 {
    60
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// As TLS checks it: without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    /// The addresses it stands for now. Asks the system's resolver: may take seconds.
    pub(crate) fn resolve(&self) -> std::io::Result<Vec<std::net::SocketAddr>> {
        Ok((self.host.as_str(), self.port).to_socket_addrs()?.collect())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl BrokerConfig {
    /// Where the platform takes sessions of that product's devices, or the key that is wrong and what is wrong with it.
    pub(crate) fn endpoint(&self, product: &ProductKey) -> Result<Endpoint, Wrong> {
        let port = self.port.and_then(|port| u16::try_from(port).ok());
        match (&self.address, &self.region, &self.instance) {
            (Some(address), None, None) => match (address.rsplit_once(':'), port) {
                (_, Some(_)) => Err(("broker.port", "the address has a port already".to_owned())),
                (Some((host, port)), None) => Ok(Endpoint {
                    host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
                    port: port.parse().map_err(|_| ("broker.address", "it has no port".to_owned()))?,
                }),
                (None, None) => Err(("broker.address", "it has no port".to_owned())),
            },
            (None, Some(_), None) => {
                let host = self.region()?.broker(product);
                Ok(Endpoint { host, port: port.unwrap_or(regions::PORT) })
            }
            (None, None, Some(instance)) => {
                let host = regions::instance_broker(instance);
                let host =
                    host.ok_or(("broker.instance", format!("{instance:?} is no id of an instance")))?;
                Ok(Endpoint { host, port: port.unwrap_or(regions::PORT) })
            }
            _ => Err(("broker", "exactly one of address, region and instance is needed".to_owned())),
        }
    }

    /// The region, if one is named.
    pub(crate) fn region(&self) -> Result<&'static Region, Wrong> {
        let id = self.region.as_deref().unwrap_or_default();
        Region::by_id(id).ok_or_else(|| {
            let known: Vec<&str> = regions::REGIONS.iter().map(|region| region.id).collect();
            ("broker.region", format!("{id:?} is not one of {}", known.join(", ")))
        })
    }
}

impl From<MqttVersion> for ProtocolVersion {
    fn from(version: MqttVersion) -> Self {
        match version {
            MqttVersion::V311 => ProtocolVersion::V311,
            MqttVersion::V5 => ProtocolVersion::V5,
        }
    }
}
