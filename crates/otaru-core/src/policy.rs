//! What the user decides beforehand.

use alloc::string::String;
use core::time::Duration;

/// An answer to an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Accept,
    /// Not now; the question comes again.
    Postpone(Duration),
    /// Never; reported as failed with the reason.
    Refuse(String),
}

/// What the updater does without asking, and its bounds. Every wait has an end.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Wait for the user's decision before fetching. Default: false.
    pub ask_before_fetch: bool,
    /// Wait for the user's decision before activating. Default: false.
    pub ask_before_activate: bool,
    /// The most bytes asked for in one request; none: the rest of the file in one, or what the dialect asks for at once
    /// (`CallHalf::piece_bytes`). Default: none.
    pub range_bytes: Option<u64>,
    /// Largest package accepted, all files together, in bytes. Default: none; a slot refuses what it cannot hold.
    pub max_package_bytes: Option<u64>,
    /// Take packages that are differences against the running version: true only if the slot applies them, for
    /// a difference booted as if it were an image would be the end of the device. Default: false, they are refused.
    pub accept_delta: bool,
    /// Take packages whose files come in blocks over MQTT. Default: true. False for a device behind a gateway: blocks are asked
    /// for and sent on the gateway's own topics (aliyun-link-sdk-v4 §2.1), so they would not reach it; such packages are
    /// refused with −2.
    pub accept_blocks: bool,
    /// Bytes stored between two saves of the Record: what a power cut can cost. Default: 256 KiB.
    pub checkpoint_bytes: u64,
    /// Bytes per read when the slot is read back for verification. Default: 64 KiB.
    pub read_back_bytes: u32,
    /// Percent between two progress reports. Default: 5.
    pub report_percent: u8,
    /// The least time between two progress reports (0 and 100 % excepted). Default: 1 s.
    pub report_interval: Duration,
    /// Silence within a fetch after which it counts as broken. Default: 30 s.
    pub stall_timeout: Duration,
    /// Bytes asked for at once when a file comes in blocks over MQTT, 1 to [`MAX_BLOCK_BYTES`](otaru_wire::MAX_BLOCK_BYTES).
    /// Halved, down to 256, each time three requests in a row get no answer. Default: 5120, as the vendor's SDK asks.
    pub block_bytes: u32,
    /// How long a block over MQTT may take before it counts as lost. Default: 10 s.
    pub block_timeout: Duration,
    /// The least time between two requests for blocks. The vendor's cloud is said to leave requests unanswered that come
    /// faster than about three a second (aliyun-link-sdk-v4 §3.3). Default: 0, as fast as blocks come.
    pub block_interval: Duration,
    /// The first pause after a failed fetch; doubled each time, spread by ±50 %. Default: 1 s.
    pub retry_first: Duration,
    /// The longest such pause. Default: 5 min.
    pub retry_longest: Duration,
    /// Failed fetches in a row, without a byte stored between, after which the Task fails. A connection that breaks
    /// while the platform's session is down as well does not count: a device without a network is interrupted, and
    /// goes on when it has one. Default: 20.
    pub retry_attempts: u32,
    /// Fresh links asked for in a row, without a byte stored between, before the Task fails. Default: 5.
    pub link_attempts: u32,
    /// How long the answer to a query for a fresh link may take before it is asked again. Default: 10 s.
    pub link_timeout: Duration,
    /// How long the answer to a call may take before the platform counts as out of reach. Default: 30 s.
    pub call_timeout: Duration,
    /// How often a platform that is asked by calls is asked for a Task while none is in hand, spread by ±50 %. Default: 5 min.
    pub poll_interval: Duration,
    /// Downloads from zero after a digest that did not match, before the Task fails. Default: 1.
    pub digest_attempts: u32,
    /// Downloads of a package's files from zero because the server's file changed or cannot be had in ranges, before
    /// the Task fails. Default: 3.
    pub restart_attempts: u32,
    /// The longest pause before an offer that failed is taken again. The first is `retry_first`; it doubles with
    /// every failure of the same offer, so that a platform that never gives up cannot wear out the flash.
    /// Default: 24 h.
    pub offer_longest: Duration,
    /// Ask for a Config at each connect. Default: false; one that is pushed is taken all the same.
    pub ask_config_at_connect: bool,
    /// Largest Config taken, in bytes: it is held in memory. 0: this device takes none, and every push is answered
    /// with 400. Default: 256 KiB.
    pub max_config_bytes: u64,
    /// How long one fetch of a Config may take, however alive the server is, for the Task's fetch waits meanwhile;
    /// and how long the user may take to take it. Default: 5 min.
    pub config_timeout: Duration,
    /// How long a slot, the Record's store or the boot marker may take to answer before it counts as broken.
    /// Default: 2 min.
    pub slot_timeout: Duration,
    /// How long a Trial may take until its health check passes. Default: 2 min.
    pub trial_timeout: Duration,
    /// The pause between two health checks in a Trial. Default: 5 s.
    pub health_interval: Duration,
}

impl Policy {
    /// Takes every offer without asking: the default.
    pub fn silent() -> Self {
        Self::default()
    }

    /// Asks the user before fetching and before activating; all else as in [`Policy::silent`].
    pub fn standard() -> Self {
        Self { ask_before_fetch: true, ask_before_activate: true, ..Self::silent() }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            ask_before_fetch: false,
            ask_before_activate: false,
            range_bytes: None,
            max_package_bytes: None,
            accept_delta: false,
            accept_blocks: true,
            checkpoint_bytes: 256 * 1024,
            read_back_bytes: 64 * 1024,
            report_percent: 5,
            report_interval: Duration::from_secs(1),
            stall_timeout: Duration::from_secs(30),
            block_bytes: 5120,
            block_timeout: Duration::from_secs(10),
            block_interval: Duration::ZERO,
            retry_first: Duration::from_secs(1),
            retry_longest: Duration::from_secs(300),
            retry_attempts: 20,
            link_attempts: 5,
            link_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(30),
            poll_interval: Duration::from_secs(300),
            digest_attempts: 1,
            restart_attempts: 3,
            offer_longest: Duration::from_secs(24 * 3600),
            ask_config_at_connect: false,
            max_config_bytes: 256 * 1024,
            config_timeout: Duration::from_secs(300),
            slot_timeout: Duration::from_secs(120),
            trial_timeout: Duration::from_secs(120),
            health_interval: Duration::from_secs(5),
        }
    }
}
