//! What no single key can break.

use super::{
    Config, ConfigError, DialectName, PlatformConfig, Proof, RebootMode, SubDevice, Way, install, sub_device,
};

/// The key to look at, and what is wrong with it.
pub(crate) type Wrong = (&'static str, String);

impl Config {
    /// Refuses what does not go together. `file` is what errors call this configuration.
    pub(crate) fn check(&self, file: &str) -> Result<(), ConfigError> {
        self.together().map_err(|(key, problem)| ConfigError::Together {
            file: file.to_owned(),
            key: key.to_owned(),
            problem,
        })
    }

    fn together(&self) -> Result<(), Wrong> {
        let wrong = |key, problem: &str| Err((key, problem.to_owned()));
        self.check_dialect()?;
        if let Some(module) = sub_device::named_twice(&self.modules) {
            return wrong("module.name", &format!("{module} is there twice"));
        }
        let mut installs = self.installs();
        installs.extend(self.sub_devices.iter().flat_map(SubDevice::installs));
        if let Some((key, problem)) = install::clash(&installs) {
            return wrong(key, &problem);
        }
        if let Err(problem) = sub_device::check_all(&self.device.id(), &self.sub_devices) {
            return wrong("sub_device", &problem);
        }
        if (self.reboot.mode == RebootMode::Command) != self.reboot.command.is_some() {
            return wrong("reboot.command", "mode \"command\" needs it and no other mode takes it");
        }
        let proof = self.proof()?;
        let by_https =
            matches!(&proof, Proof::Product { way: Way::Http(url), .. } if url.starts_with("https:"));
        if let Some(broker) = &self.broker {
            broker.endpoint(&self.device.product_key)?;
            if broker.ca.is_some() && !broker.tls && !by_https {
                return wrong("broker.ca", "it needs tls = true, or a registration by https");
            }
        }
        self.platform.as_ref().map_or(Ok(()), PlatformConfig::check)
    }

    /// Each dialect has the tables and keys that it has words for.
    fn check_dialect(&self) -> Result<(), Wrong> {
        let dialect = self.device.dialect;
        if let Some(problem) = self.device.wrong_jd() {
            return Err(("device.jd", problem.to_owned()));
        }
        if let Some(generation) = dialect.generation() {
            return self.check_onenet(generation);
        }
        if self.device.onenet.is_some() || self.platform.is_some() {
            let key = if self.platform.is_some() { "platform" } else { "device.onenet" };
            let problem = "only the dialects \"onenet-token\", \"onenet-tid\" and \"onenet-fuse\" take it";
            return Err((key, problem.to_owned()));
        }
        if self.broker.is_none() {
            return Err((
                "broker",
                "it is needed: a table that says where the platform takes sessions".to_owned(),
            ));
        }
        match self.beyond_jd().filter(|_| dialect == DialectName::Jd) {
            Some(key) => Err((key, "the dialect \"jd\" has no word for it".to_owned())),
            None => Ok(()),
        }
    }

    /// The first key that is there and that devices of JD cannot have (jd-iot-engine §3.1).
    fn beyond_jd(&self) -> Option<&'static str> {
        let broker = self.broker.as_ref();
        let keys = [
            (!self.modules.is_empty(), "module"),
            (!self.sub_devices.is_empty(), "sub_device"),
            (self.remote_config.is_some(), "remote_config"),
            (self.device.product_secret.is_some(), "device.product_secret"),
            (broker.is_some_and(|broker| broker.region.is_some()), "broker.region"),
            (broker.is_some_and(|broker| broker.instance.is_some()), "broker.instance"),
        ];
        keys.into_iter().find_map(|(there, key)| there.then_some(key))
    }
}
