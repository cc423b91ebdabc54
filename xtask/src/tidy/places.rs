//! Nothing committed names one machine's folders or a package registry's host.

use super::Finding;

/// Folders that exist on one machine only. In two parts, so that this file does not find itself.
const FOLDERS: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/tmp", "/w/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("C:\\", "Users"),
];

/// Hosts of package registries: cargo, pip, npm, apt and go know them, we do not.
const HOSTS: [&str; 8] = [
    concat!("crates", ".io"),
    concat!("index.", "crates"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("registry", ".npmjs"),
    concat!("deb.", "debian"),
    concat!("proxy.", "golang"),
    concat!("repo1.", "maven"),
];

/// Finds machine paths and registry hosts in any text file.
pub(super) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut found = |problem: String, remedy| {
            findings.push(Finding { file: file.into(), line: index + 1, problem, remedy });
        };
        for folder in FOLDERS.iter().filter(|folder| has_folder(line, folder)) {
            found(
                format!("`{folder}` is a folder of one machine"),
                "use a relative path, or a temporary folder",
            );
        }
        for host in HOSTS.iter().filter(|host| line.contains(**host)) {
            found(format!("`{host}` is a package registry's host"), "leave hosts to the package client");
        }
    }
    findings
}

/// True if an absolute path in `line` starts with `folder`; `a/work/b` and links' paths do not count.
fn has_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '}' | '>' | ')'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_one_machine_is_found() {
        for folder in FOLDERS {
            let found = check("a.rs", &format!("fn f() {{}}\nconst DATA: &str = \"{folder}data\";\n"));
            assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [2], "{folder}");
        }
    }

    #[test]
    fn a_registrys_host_is_found() {
        for host in HOSTS {
            assert!(!check("a.toml", &format!("registry = \"https://{host}/index\"\n")).is_empty(), "{host}");
        }
    }

    #[test]
    fn other_paths_and_hosts_are_good() {
        let good =
            "target/work/x ./home/x https://ota.example/home/x {data}/root/x /var/lib/otaru 127.0.0.1\n";
        assert_eq!(check("a.rs", good), []);
    }
}
