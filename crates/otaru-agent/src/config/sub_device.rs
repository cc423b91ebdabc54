//! `[[sub_device]]`: a device behind this one, which speaks through its session.

use std::path::PathBuf;

use otaru_wire::{DeviceId, DeviceName, MAX_SUB_DEVICES, Module, ProductKey, Version};
use serde::Deserialize;

use super::{HealthConfig, InstallConfig, ModuleConfig, Secret, value};
use crate::folder::is_plain_name;

/// `[[sub_device]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubDevice {
    /// Its product.
    #[serde(deserialize_with = "value::id")]
    pub product_key: ProductKey,
    /// Its name within it.
    #[serde(deserialize_with = "value::id")]
    pub device_name: DeviceName,
    /// What it proves itself with.
    pub device_secret: Secret,
    /// The version of its module `default` until its first update is tried.
    #[serde(deserialize_with = "value::id")]
    pub version: Version,
    /// Its modules beside `default`.
    #[serde(default, rename = "module")]
    pub modules: Vec<ModuleConfig>,
    /// How the packages of its module `default` are installed.
    #[serde(default)]
    pub install: InstallConfig,
    /// How its new version is proven.
    #[serde(default)]
    pub health: HealthConfig,
    /// How it reboots.
    #[serde(default)]
    pub reboot: SubRebootConfig,
}

/// `reboot` of a `[[sub_device]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SubRebootConfig {
    /// A program and its arguments; the device runs its new version when it has ended with status 0. Default: none; it does
    /// so once it is installed.
    #[serde(deserialize_with = "value::command")]
    pub command: Option<Vec<String>>,
    /// Boots that a new version gets to prove itself before the old one is back; a start of the agent counts as one.
    /// Default: 3.
    #[serde(deserialize_with = "value::some_within::<_, 1, 200>")]
    pub trial_boots: Option<u64>,
}

impl SubDevice {
    /// Who it is.
    pub fn id(&self) -> DeviceId {
        DeviceId { product: self.product_key.clone(), device: self.device_name.clone() }
    }

    /// What no single key can break.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut names = vec![self.product_key.as_str(), self.device_name.as_str()];
        names.extend(self.modules.iter().map(|module| module.name.as_str()));
        if let Some(name) = names.into_iter().find(|name| !is_plain_name(name)) {
            return Err(format!("{name} cannot be the name of a folder"));
        }
        if self.modules.iter().any(|module| module.name.is_default()) {
            return Err("the module default gets its version from the device".to_owned());
        }
        match named_twice(&self.modules) {
            Some(module) => Err(format!("the module {module} of {} is there twice", self.id())),
            None => Ok(()),
        }
    }

    /// Every module and how its packages are installed.
    pub(crate) fn installs(&self) -> Vec<(Module, &InstallConfig)> {
        installs(&self.install, &self.modules)
    }

    pub(super) fn installs_mut(&mut self) -> impl Iterator<Item = &mut InstallConfig> {
        self.modules.iter_mut().map(|module| &mut module.install).chain([&mut self.install])
    }

    /// Every module and the version it was made with.
    pub(crate) fn module_versions(&self) -> Vec<(Module, Version)> {
        module_versions(&self.version, &self.modules)
    }

    /// What its installers write outside the storage folder.
    pub(crate) fn paths(&self) -> Vec<&PathBuf> {
        let modules = self.modules.iter().flat_map(|module| module.install.paths());
        modules.chain(self.install.paths()).collect()
    }
}

pub(super) fn check_all(own: &DeviceId, all: &[SubDevice]) -> Result<(), String> {
    if all.len() > MAX_SUB_DEVICES {
        return Err(format!("{} are there, a gateway has at most {MAX_SUB_DEVICES}", all.len()));
    }
    let mut ids = std::collections::BTreeSet::from([own.clone()]);
    for device in all {
        device.check()?;
        if !ids.insert(device.id()) {
            return Err(format!("{} is there twice", device.id()));
        }
    }
    Ok(())
}

/// A module whose name another has too.
pub(super) fn named_twice(modules: &[ModuleConfig]) -> Option<&Module> {
    let others = |index| modules.iter().skip(index + 1);
    let twice = |(index, module): &(usize, &ModuleConfig)| others(*index).any(|it| it.name == module.name);
    modules.iter().enumerate().find(twice).map(|(_, module)| &module.name)
}

pub(super) fn installs<'a>(
    default: &'a InstallConfig,
    modules: &'a [ModuleConfig],
) -> Vec<(Module, &'a InstallConfig)> {
    let named = modules.iter().map(|module| (module.name.clone(), &module.install));
    std::iter::once((Module::default(), default)).chain(named).collect()
}

pub(super) fn module_versions(default: &Version, modules: &[ModuleConfig]) -> Vec<(Module, Version)> {
    let named = modules.iter().map(|module| (module.name.clone(), module.version.clone()));
    std::iter::once((Module::default(), default.clone())).chain(named).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    const OWN: &str = "[device]\nproduct_key = \"p\"\ndevice_name = \"own\"\ndevice_secret = \"s3cret\"\nversion = \"1\"\n\
                       [broker]\naddress = \"127.0.0.1:1883\"\n[storage]\ndir = \"state\"\n";

    fn table(product: &str, name: &str, more: &str) -> String {
        format!(
            "[[sub_device]]\nproduct_key = \"{product}\"\ndevice_name = \"{name}\"\ndevice_secret = \"s3cret-{name}\"\n\
             version = \"1\"\n{more}\n"
        )
    }

    fn parse(tables: &[String]) -> Result<Config, String> {
        let text = format!("{OWN}{}", tables.concat());
        Config::parse(&text, "agent.toml", Path::new("/base")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_device_behind_this_one_has_the_keys_of_a_device_and_paths_from_the_files_folder() {
        let more = "install = { kind = \"file\", path = \"a.bin\" }\nhealth = { command = [\"h\"] }\n\
                    reboot = { command = [\"r\"], trial_boots = 7 }\n\
                    [[sub_device.module]]\nname = \"m\"\nversion = \"2\"\ninstall = { kind = \"file\", path = \"b.bin\" }";
        let config = parse(&[table("q", "one", more)]).unwrap();
        let [device] = &config.sub_devices[..] else { panic!() };
        assert_eq!(device.id().to_string(), "q/one");
        assert_eq!(device.paths(), [Path::new("/base/b.bin"), Path::new("/base/a.bin")]);
        let versions = device.module_versions();
        let versions: Vec<_> = versions.iter().map(|(module, it)| (module.as_str(), it.as_str())).collect();
        assert_eq!(versions, [("default", "1"), ("m", "2")]);
        assert_eq!((device.reboot.trial_boots, device.health.command.is_some()), (Some(7), true));
        assert!(!format!("{config:?}").contains("s3cret"));
    }

    #[test]
    fn devices_that_are_in_each_others_way_are_refused() {
        let file = "install = { kind = \"file\", path = \"a.bin\" }";
        let twice = "[[sub_device.module]]\nname = \"m\"\nversion = \"2\"\n".repeat(2);
        for (tables, words) in [
            (vec![table("q", "one", ""), table("q", "one", "")], "q/one is there twice"),
            (vec![table("p", "own", "")], "p/own is there twice"),
            (vec![table("q", "..", "")], ".. cannot be the name of a folder"),
            (vec![table("q", "one", file), table("q", "two", file)], "/base/a.bin is there twice"),
            (vec![table("q", "one", &twice)], "the module m of q/one is there twice"),
            (vec![table("q", "one", "reboot = { mode = \"exit\" }")], "unknown field `mode`"),
        ] {
            let error = parse(&tables).unwrap_err();
            assert!(error.contains(words), "{words}: {error}");
        }
        let many: Vec<_> = (0..=MAX_SUB_DEVICES).map(|n| table("q", &format!("n{n}"), "")).collect();
        assert!(parse(&many).unwrap_err().contains("1501 are there, a gateway has at most 1500"));
        assert_eq!(parse(&many[1..]).unwrap().sub_devices.len(), MAX_SUB_DEVICES);
    }
}
