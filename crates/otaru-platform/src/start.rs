//! From a configuration to a running platform.

use std::{
    fs::{self, File},
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use otaru_fleet::Rigor;
use otaru_wire::dialect::jd;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    files::{DEFAULT_MAX_FILE_BYTES, Files, LocalFiles},
    gateway::{self, GatewayOptions, Sessions},
    http::{self, Limits},
    links::{BaseUrlError, DEFAULT_TTL, Links},
    service::{Dialects, Options, Parts, Service, ServiceError, system_clock},
    store::{Keys as _, Location, Sqlite, StoreError},
};

/// What a platform is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that holds the database and the files. Made if it does not exist.
    pub data: PathBuf,
    /// Where devices connect by MQTT. Port 0 takes a free one.
    pub mqtt: SocketAddr,
    /// Where devices download and operators call. Port 0 takes a free one.
    pub http: SocketAddr,
    /// How devices reach the HTTP port from outside, e.g. `https://ota.example`. None: `http://` + the bound address,
    /// which then must not be the unspecified one (`0.0.0.0`, `::`): a device cannot connect to that.
    pub public_url: Option<String>,
    /// How much order OneNET's devices must keep in what they say of their tasks.
    pub rigor: Rigor,
    /// What JD's devices have otherwise than proposed, where JD published nothing. None: nothing.
    pub jd: Option<jd::Unpublished>,
}

impl Config {
    /// On free ports that only this machine reaches.
    pub fn local(data: impl Into<PathBuf>) -> Self {
        let any_port = (Ipv4Addr::LOCALHOST, 0).into();
        Self {
            data: data.into(),
            mqtt: any_port,
            http: any_port,
            public_url: None,
            rigor: Rigor::default(),
            jd: None,
        }
    }
}

/// A platform that runs. Dropping it does not stop it; [`Running::stop`] does.
#[derive(Debug)]
pub struct Running {
    /// The bound MQTT address.
    pub mqtt: SocketAddr,
    /// The bound HTTP address.
    pub http: SocketAddr,
    /// The first operator token, if this start made it. Shown once; only its hash is kept.
    pub first_token: Option<String>,
    stop: watch::Sender<bool>,
    end: JoinHandle<()>,
}

/// Why a platform does not start. Nothing of it runs then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error("failed to use the data folder {}", path.display())]
    Data {
        /// The folder, or what in it is in the way.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// Two platforms must not share a folder.
    #[error("the data folder {} belongs to a platform that runs already; stop that one or name another folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The database cannot be used.
    #[error("failed to open the database {}", path.display())]
    Store {
        /// Its file.
        path: PathBuf,
        /// What is the matter with it.
        source: StoreError,
    },
    /// A port cannot be listened on.
    #[error("failed to listen for {what} on {address}")]
    Listen {
        /// `devices (MQTT)` or `HTTP`.
        what: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Devices could not follow links to this address.
    #[error(transparent)]
    PublicUrl(#[from] BaseUrlError),
    /// HTTP is to listen on all addresses, so none of them tells how devices reach it.
    #[error(
        "download links cannot begin with http://{http}: no device can connect to that address; say how devices \
         reach this machine with --public-url, e.g. --public-url http://ota.example:{}", http.port()
    )]
    NoPublicUrl {
        /// The address asked for.
        http: SocketAddr,
    },
    /// Devices of JD could not be spoken with by this table.
    #[error("the table of what JD never published cannot be used: {0}")]
    Jd(&'static str),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(String),
    /// The first operator's token could not be made.
    #[error("failed to make the first operator token")]
    Token(#[source] ServiceError),
}

/// Starts a platform; returns once both ports listen. Call it within a multi-threaded tokio runtime.
///
/// # Errors
/// [`StartError`] names what is in the way.
pub async fn start(config: Config) -> Result<Running, StartError> {
    if config.public_url.is_none() && config.http.ip().is_unspecified() {
        return Err(StartError::NoPublicUrl { http: config.http });
    }
    let dialects = dialects(config.jd)?;
    http::recorder(); // before anything counts
    let data = Data::open(config.data).await?;
    let mqtt = listen("devices (MQTT)", config.mqtt).await?;
    let web = listen("HTTP", config.http).await?;
    let links = links(&data, config.public_url, web.address).await?;

    let (sessions, clock) = (Sessions::default(), system_clock());
    let service = Service::new(Parts {
        store: Arc::new(data.store.clone()),
        files: Arc::clone(&data.files),
        links: links.clone(),
        outbox: Arc::new(sessions.clone()),
        clock: Arc::clone(&clock),
        dialects,
        options: Options { rigor: config.rigor, ..Options::default() },
    });
    let first_token = service.first_token().await.map_err(StartError::Token)?;

    let (stop, stopping) = watch::channel(false);
    let work = tokio::spawn({
        let service = service.clone();
        async move { service.run().await }
    });
    let devices = tokio::spawn(gateway::serve(
        mqtt.listener,
        Arc::new(service.clone()),
        sessions,
        GatewayOptions::default(),
        until_told(stopping.clone()),
    ));
    let router = http::router(http::Parts {
        service: service.clone(),
        files: Arc::clone(&data.files),
        links,
        clock,
        gateway: Some(devices.abort_handle()),
    });
    let requests = tokio::spawn(http::serve(web.listener, router, Limits::default(), until_told(stopping)));
    let end = tokio::spawn(async move {
        join("the MQTT gateway", devices).await;
        join("the HTTP server", requests).await;
        service.stop();
        join("the service", work).await;
        drop(service);
        data.close().await;
    });
    tracing::info!(mqtt = %mqtt.address, http = %web.address, "the platform runs");
    Ok(Running { mqtt: mqtt.address, http: web.address, first_token, stop, end })
}

impl Running {
    /// Stops taking connections, finishes what is under way, closes the store.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        join("the platform", self.end).await;
    }
}

fn dialects(jd: Option<jd::Unpublished>) -> Result<Dialects, StartError> {
    let Some(table) = jd else { return Ok(Dialects::default()) };
    table.check().map_err(StartError::Jd)?;
    Ok(Dialects::with_jd(table))
}

/// The data folder, held by this platform alone.
struct Data {
    store: Sqlite,
    files: Arc<dyn Files>,
    database: PathBuf,
    lock: File,
}

impl Data {
    async fn open(folder: PathBuf) -> Result<Self, StartError> {
        let at = folder.clone();
        tokio::task::spawn_blocking(move || Self::open_now(&folder))
            .await
            .unwrap_or_else(|error| Err(StartError::Data { path: at, source: error.into() }))
    }

    fn open_now(folder: &Path) -> Result<Self, StartError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| StartError::Data { path, source }
        };
        make_private_folder(folder).map_err(at(folder))?;
        let lock_path = folder.join("lock");
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(at(&lock_path))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => StartError::InUse { path: folder.to_owned() },
            fs::TryLockError::Error(source) => StartError::Data { path: lock_path, source },
        })?;
        let database = folder.join("otaru.db");
        let store = Sqlite::open(Location::File(database.clone()))
            .map_err(|source| StartError::Store { path: database.clone(), source })?;
        let files_path = folder.join("files");
        let files = LocalFiles::open(&files_path, DEFAULT_MAX_FILE_BYTES).map_err(at(&files_path))?;
        Ok(Self { store, files: Arc::new(files), database, lock })
    }

    /// Waits for what is being written, then lets go of the folder.
    async fn close(self) {
        // The last clone of the store waits for its thread.
        join("the store", tokio::task::spawn_blocking(move || drop(self.store))).await;
        drop(self.lock);
    }
}

/// The database holds the devices' secrets, so the folder is for nobody else.
fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<Bound, StartError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        Ok(Bound { address: listener.local_addr()?, listener })
    };
    bound.await.map_err(|source| StartError::Listen { what, address, source })
}

async fn links(data: &Data, public_url: Option<String>, http: SocketAddr) -> Result<Links, StartError> {
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).map_err(|error| StartError::Random(error.to_string()))?;
    let key = data
        .store
        .platform_secret("link key", fresh)
        .await
        .map_err(|source| StartError::Store { path: data.database.clone(), source })?;
    let base = public_url.unwrap_or_else(|| format!("http://{http}"));
    Ok(Links::new(&base, key, DEFAULT_TTL)?)
}

/// Resolves when the platform is told to stop; never if nobody can tell it any more.
async fn until_told(mut stopping: watch::Receiver<bool>) {
    if stopping.wait_for(|stop| *stop).await.is_err() {
        pending::<()>().await;
    }
}

async fn join(what: &'static str, task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "{what} came to a bad end");
    }
}
