//! What each generation calls a device's questions (onenet §2).

/// The targets of one device in one generation.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// How its targets begin.
    base: String,
    /// What stands behind those of the first generation.
    query: String,
    pub(crate) version: String,
    /// For the application.
    pub(crate) check: String,
    /// As the generation's replies name a Task: `token` or `tid`.
    pub(crate) name: &'static str,
    pub(crate) task_check: String,
    pub(crate) download: String,
    pub(crate) step: String,
}

impl Paths {
    /// First generation.
    pub(crate) fn token(dev_id: &str) -> Self {
        let query = format!("?dev_id={dev_id}");
        let paths = Self {
            version: format!("/ota/device/version{query}"),
            check: format!("/ota/south/check{query}&manuf=100&model=10001&type=2&version=1.0.0&cdn=false"),
            base: "/ota/south".into(),
            name: "token",
            task_check: String::new(),
            download: String::new(),
            step: String::new(),
            query,
        };
        paths.of_task("ota_AAAAAAAAAAAAAAAAAAAA")
    }

    /// Second (`ota`) and third (`fuse-ota`).
    pub(crate) fn tid(prefix: &str, product: &str, device: &str) -> Self {
        let base = format!("/{prefix}/{product}/{device}");
        let paths = Self {
            version: format!("{base}/version"),
            check: format!("{base}/check?type=2&version=1.0.0"),
            base,
            name: "tid",
            task_check: String::new(),
            download: String::new(),
            step: String::new(),
            query: String::new(),
        };
        paths.of_task("999999")
    }

    /// The same of the Task that is named so.
    pub(crate) fn of_task(self, task: &str) -> Self {
        let Self { base, query, .. } = &self;
        let (task_check, download, step) = match self.name {
            "token" => (
                format!("{base}/download/{task}/check{query}"),
                format!("{base}/download/{task}"),
                format!("{base}/device/download/{task}/progress{query}"),
            ),
            _ => (
                format!("{base}/{task}/check"),
                format!("{base}/{task}/download"),
                format!("{base}/{task}/status"),
            ),
        };
        Self { task_check, download, step, ..self }
    }
}

/// The value of a field in an answer, as a microcontroller finds it: by searching (onenet §9 item 11).
pub(crate) fn field<'a>(reply: &'a str, name: &str) -> &'a str {
    let (_, rest) =
        reply.split_once(&format!(r#""{name}":"#)).unwrap_or_else(|| panic!("no {name} in {reply}"));
    rest.trim_start_matches('"').split(['"', ',', '}']).next().unwrap()
}
