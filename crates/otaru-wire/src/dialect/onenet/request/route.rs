//! Which path means what, in every spelling that is known to be sent.

use alloc::{string::String, vec::Vec};

use super::{
    super::{Generation, percent},
    RequestError,
};

/// The longest target read, in bytes. What is written has less than 256.
const MAX_BYTES: usize = 1024;

/// What a path asks for; a Task is named as it stands in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Version,
    Check,
    Running,
    Result,
    DeviceNumber,
    TaskCheck(&'a str),
    Download(&'a str),
    Step(&'a str),
}

/// A path that is this dialect's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path<'a> {
    pub(super) generation: Generation,
    pub(super) route: Route<'a>,
    /// Product and device, where the path names them.
    pub(super) named: Option<(&'a str, &'a str)>,
}

/// The path, in origin or absolute form, with doubled or trailing slashes (onenet §2.2, §9 item 9); none if it is not this
/// dialect's.
pub(super) fn path(target: &str) -> Option<Path<'_>> {
    let (path, _) = split(target);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).take(7).collect();
    let token = |route| Some(Path { generation: Generation::Token, route, named: None });
    // The fixed words of the first generation come first: no product is called `south` or `device`.
    match *parts.as_slice() {
        ["ota", "device", "version"] => token(Route::Version),
        ["ota", "south", "check"] => token(Route::Check),
        ["ota", "south", "tasking"] => token(Route::Running),
        ["ota", "south", "report"] => token(Route::Result),
        ["ota", "devInfo"] => token(Route::DeviceNumber),
        ["ota", "south", "download", task] => token(Route::Download(task)),
        ["ota", "south", "download", task, "check"] => token(Route::TaskCheck(task)),
        ["ota", "south", "device", "download", task, "progress"] => token(Route::Step(task)),
        ["ota", product, device, ref rest @ ..] => by_tid(Generation::Tid, (product, device), rest),
        ["fuse-ota", product, device, ref rest @ ..] => by_tid(Generation::Fuse, (product, device), rest),
        _ => None,
    }
}

fn by_tid<'a>(generation: Generation, named: (&'a str, &'a str), rest: &[&'a str]) -> Option<Path<'a>> {
    let route = match *rest {
        ["version"] => Route::Version,
        ["check"] => Route::Check,
        [task, "check"] => Route::TaskCheck(task),
        [task, "download"] => Route::Download(task),
        [task, "status"] => Route::Step(task),
        _ => return None,
    };
    Some(Path { generation, route, named: Some(named) })
}

/// Refuses a target that nobody writes.
pub(super) fn check_length(target: &str) -> Result<(), RequestError> {
    match target.len() {
        len if len > MAX_BYTES => Err(RequestError::TargetTooLong { len, max: MAX_BYTES }),
        _ => Ok(()),
    }
}

/// A parameter of the query, decoded. None if it is not there or empty.
pub(super) fn parameter(target: &str, name: &'static str) -> Result<Option<String>, RequestError> {
    let pairs = split(target).1.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None | Some(""), None) => Ok(None),
        (Some(value), None) => percent::decode(value).map(Some).ok_or(RequestError::Parameter { name }),
        (_, Some(_)) => Err(RequestError::Parameter { name }),
    }
}

/// Path and query. What stands before the path of an absolute form is left out.
fn split(target: &str) -> (&str, &str) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = match path.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            rest.split_once('/').map_or("", |(_, path)| path)
        }
        _ => path,
    };
    (path, query)
}
