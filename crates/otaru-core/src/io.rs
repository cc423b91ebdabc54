//! What goes into the updater and what comes out of it; what the user is told is in `event.rs`.

use alloc::{string::String, vec::Vec};

use otaru_wire::{
    ByteRange, Module, Step, Version,
    http::{Answer, Call, Head},
    mqtt::Message,
};

use crate::{ConfigSummary, Decision, Event, Record, Verified};

/// Names one fetch or one call; no two have the same. Answers to older ones are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub u32);

/// Something happened.
#[derive(Debug)]
pub enum Input {
    /// The device runs. Comes first, once after each start of the updater's process, and again after an
    /// [`Output::Reboot`] that did not end the process.
    Booted(Boot),
    /// The platform's session is up. Where the platform is asked by calls, it is the one that says when to ask, and a device may
    /// have none.
    Connected,
    /// The platform's session is gone.
    Disconnected,
    /// The answer to [`Output::Call`] came, or could not be had. One that comes later than
    /// [`Policy::call_timeout`](crate::Policy::call_timeout) is ignored.
    Answered(RequestId, Result<Answer, FetchError>),
    /// A message came from the platform.
    Message {
        /// Its topic.
        topic: String,
        /// Its payload.
        payload: Vec<u8>,
    },
    /// The user's answer to [`Event::Offered`] or, as [`Decision::Accept`] or [`Decision::Postpone`], to [`Event::Staged`].
    Decision(Decision),
    /// The user wants to know whether the platform has a Task for this module ("query firmware"). It is asked when no Task
    /// is in hand and the session is up; if there is one, [`Event::Offered`] follows. [`Event::Ignored`] if the device has
    /// no such module.
    AskTask(Module),
    /// The user takes back the Task in hand; [`Event::Ignored`] if there is none or it is activated already.
    Cancel,
    /// That fetch waits its turn, because its doer serves several devices: its silence means nothing until
    /// [`Input::FetchBegins`].
    FetchWaits(RequestId),
    /// The fetch that had to wait begins now: from here on silence counts.
    FetchBegins(RequestId),
    /// The answer's head to [`Output::Fetch`] came, with every header that the server sent.
    Head(RequestId, Head),
    /// Bytes of the answer's body came, in order. The buffer comes back out in [`Output::Store`].
    Body(RequestId, Vec<u8>),
    /// The fetch is over: the body ended, or it broke.
    FetchEnded(RequestId, Result<(), FetchError>),
    /// [`Output::Prepare`] could not be done: the Task fails before a byte is fetched. Given at once, before any other
    /// input; a slot that cannot tell so early refuses the first `Store` or `ReadBack`.
    NotPrepared(SlotError),
    /// The slot took the bytes of [`Output::Store`] (not necessarily durable: [`Output::Save`] makes them so), or did not.
    Stored {
        /// Which file, from 0.
        file: usize,
        /// The offset one past the bytes taken, in bytes from the start of the file.
        end: u64,
        /// The slot's word.
        result: Result<(), SlotError>,
    },
    /// The Record, and all bytes stored before it, will survive a power cut, or could not be saved.
    Saved(Result<(), SlotError>),
    /// Bytes read back for [`Output::ReadBack`]: all of the range, or an error.
    ReadBack {
        /// Which file, from 0.
        file: usize,
        /// The offset of the first byte.
        offset: u64,
        /// The bytes, or the slot's word.
        result: Result<Vec<u8>, SlotError>,
    },
    /// [`Output::Activate`] is done: the next boot is the new slot's Trial. Or it could not be done.
    Activated(Result<(), SlotError>),
    /// The answer to [`Output::CheckHealth`].
    Health(HealthVerdict),
    /// [`Output::Confirm`] or [`Output::Revert`] is done, or could not be done.
    Settled(Result<(), SlotError>),
    /// The user reports by hand, beside the automatic reports.
    ///
    /// Percent is told at once, or dropped with [`Event::Ignored`] if the platform does not hear it, if the device has
    /// no such module, or if a higher one was told for the Task in hand: what the platform sees of a Task never falls
    /// by it, and automatic reports below it are left out.
    ///
    /// A failure is owed until it can be told, as automatic ones are. Reported for the Task in hand it ends the Task
    /// with [`Event::Failed`]; in a Trial it brings the old slot back, which is reported as −1 with this
    /// description; once the new slot is activated and before it runs it is ignored.
    Report {
        /// The part of the device.
        module: Module,
        /// Percent or failure.
        step: Step,
        /// For people; what is over 128 bytes is cut off (aliyun-link-sdk-v4 §2.4).
        description: String,
    },
    /// The user wants to know the Config that the platform has, and is to get it even if it is the one taken last.
    /// Answered by [`Output::DeliverConfig`], [`Event::NoConfig`] or [`Event::ConfigFailed`]; without a session as
    /// soon as there is one.
    AskConfig,
    /// The user's word about [`Output::DeliverConfig`]: it is in effect and survives a power cut; or why it is
    /// refused. Comes within [`Policy::config_timeout`](crate::Policy::config_timeout), else it counts as refused.
    ConfigTaken(RequestId, Result<(), String>),
    /// The process is about to end, or the power to go: what is stored is to be saved now and not only at the next
    /// checkpoint. If the Record does not cover it yet, [`Output::Save`] follows, at once or after the last `Stored`
    /// that is awaited. Nothing else changes: a process that lives on goes on.
    Stopping,
    /// A time that `poll_timeout` told has come.
    Timer,
}

/// What the boot loader says after a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// Every module and the version it runs now.
    pub running: Vec<(Module, Version)>,
    /// The module whose new slot runs unconfirmed, if one does.
    pub trial: Option<Module>,
    /// The module whose new slot did not get confirmed and whose old slot is back, if that happened since the
    /// last [`Output::ForgetFallback`].
    pub fell_back: Option<Module>,
}

/// Why a fetch ended early. The status of an answer is not among them: [`Head`] carries it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The link cannot be followed: not a URL, or a scheme that is not HTTP.
    #[error("the link cannot be followed: {0}")]
    BadUrl(String),
    /// The link leads in circles, or through too many others.
    #[error("the link leads in circles or through too many redirects")]
    Redirected,
    /// The server could not be reached, so nothing was asked of it; worth trying again.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// Sending or receiving failed; worth trying again.
    #[error("the connection failed: {0}")]
    Broken(String),
    /// The server's certificate is not trusted; trying again will not help.
    #[error("the server is not trusted: {0}")]
    NotTrusted(String),
}

/// Why a slot or the Record's store refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// No room left.
    #[error("no room left: {0}")]
    Full(String),
    /// No slot for that module.
    #[error("there is no slot for module {0}")]
    NoSlot(Module),
    /// The medium failed.
    #[error("the medium failed: {0}")]
    Medium(String),
    /// The slot, or the program that installs for it, does not take this package.
    #[error("the installer refused: {0}")]
    Refused(String),
}

/// Does the new slot work?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthVerdict {
    /// It does.
    Healthy,
    /// It does not, and why.
    Sick(String),
}

/// Something to do, in the order given. The updater waits for the named answer where there is one.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a Record is saved seldom, and a box would allocate each time")]
pub enum Output {
    /// Subscribe to a topic filter.
    Subscribe(String),
    /// Publish a message. Lost if there is no session.
    Publish(Message),
    /// Ask the platform, where it is asked by calls (`DeviceHalf::calls`): send it to the platform's own host with
    /// `Authorization` by `CallHalf::write_authorization`; answered by `Answered`. There is one at a time.
    Call {
        /// Names this call.
        request: RequestId,
        /// What is asked, without `Authorization`, `Host` and `Content-Length`.
        call: Call,
    },
    /// Prepare the inactive slot of a module for a package: room for these files. Keeps bytes of the same package
    /// that are already there when `resume` is set, empties it otherwise. A failure shows as
    /// `NotPrepared`, or at the first `Store` or `ReadBack`. Comes once for each Task and once more after each `Booted`; starting over at zero stores over
    /// the old bytes without it.
    Prepare {
        /// The module.
        module: Module,
        /// Each file's size, in order.
        sizes: Vec<u64>,
        /// True after a power cut: bytes that the Record covers are needed.
        resume: bool,
    },
    /// Fetch bytes of a link; answered by `Head`, `Body`…, `FetchEnded`. Where it has to wait for other devices' fetches,
    /// by `FetchWaits` at once and `FetchBegins` before these.
    Fetch {
        /// Names this fetch.
        request: RequestId,
        /// The link. One that begins with `/` is a path on the platform's own host, to be asked for with `Authorization` as an
        /// [`Output::Call`] is.
        url: String,
        /// The bytes wanted.
        range: ByteRange,
        /// Send `If-Range` with this validator, so that a replaced file is not mixed with what is stored.
        etag: Option<String>,
    },
    /// Stop that fetch; no answer is awaited any more.
    StopFetch(RequestId),
    /// Write bytes to the prepared slot; answered by `Stored`.
    Store {
        /// Which file, from 0.
        file: usize,
        /// Offset of the first byte, in bytes from the start of the file.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Make all bytes stored so far durable, then save this Record, replacing the last one; answered by `Saved`.
    /// After `Saved(Ok)` a reset gives back exactly this Record and those bytes; before it, exactly the old ones.
    Save(Record),
    /// Read bytes back from the prepared slot, from the medium where possible; answered by `ReadBack`.
    ReadBack {
        /// Which file, from 0.
        file: usize,
        /// The bytes wanted.
        range: ByteRange,
    },
    /// Make the prepared slot boot next, once, as a Trial; answered by `Activated`.
    Activate {
        /// The module.
        module: Module,
        /// The version the slot holds.
        version: Version,
        /// Only verification makes one.
        proof: Verified,
    },
    /// Reboot into the slot that boots next. Answered by `Booted`, usually in a new process.
    Reboot,
    /// Ask the user's health check; answered by `Health`.
    CheckHealth(Module),
    /// Make the running Trial slot the one that boots from now on; answered by `Settled`.
    Confirm(Module),
    /// Make the old slot boot again; answered by `Settled`, then `Reboot` follows.
    Revert(Module),
    /// The fallback that `Boot::fell_back` told has been reported: forget it. Not answered.
    ForgetFallback(Module),
    /// Give the user a Config whose bytes hash to its digest; answered by [`Input::ConfigTaken`]. After a power cut
    /// before that answer the same one may come again.
    DeliverConfig {
        /// Names this delivery in its answer: the fetch that brought the last bytes.
        request: RequestId,
        /// Which it is.
        config: ConfigSummary,
        /// All its bytes: at most [`Policy::max_config_bytes`](crate::Policy::max_config_bytes).
        bytes: Vec<u8>,
    },
    /// Tell the user.
    Event(Event),
}
