//! The platform's side: a call as a request.

use alloc::string::String;

use serde::Deserialize;

use super::{
    super::{Resource, body, range, step},
    route::{self, Path, Route},
    *,
};
use crate::{
    DeviceName,
    dialect::json::{self, Scalar},
};

/// The longest `authInfo` read, in bytes.
const MAX_AUTH_INFO_BYTES: usize = 128;

/// Reads a call. None if its path is not this dialect's.
///
/// # Errors
/// [`Rejection`] if it is, but cannot be understood or names somebody else than its proof.
pub fn read(call: &Call) -> Result<Option<Request>, Rejection> {
    let Some(path) = route::path(&call.target) else { return Ok(None) };
    let download = matches!(path.route, Route::Download(_));
    let reading = Reading { call, path };
    let rejected = |error| {
        let claim = reading.authorization().ok().map(|authorization| authorization.claim().resource.clone());
        let device = reading.device(claim.as_ref()).ok();
        Rejection { generation: path.generation, download, device, error }
    };
    reading.request().map(Some).map_err(rejected)
}

/// Is a body read of such a call? Asked before one is, because some clients promise a body that never comes (onenet §9 item
/// 9). None if its path is not this dialect's.
pub fn takes_body(method: Method, target: &str) -> Option<bool> {
    let path = route::path(target)?;
    Some(method == Method::Post || path.route == Route::DeviceNumber)
}

struct Reading<'a> {
    call: &'a Call,
    path: Path<'a>,
}

impl Reading<'_> {
    fn request(&self) -> Result<Request, RequestError> {
        route::check_length(&self.call.target)?;
        let authorization = match self.authorization() {
            Err(RequestError::NotSigned) => None,
            read => Some(read?),
        };
        match (self.ask()?, authorization) {
            (Ask::Download { task: Handle::Token(token), range }, authorization) => {
                Ok(Request::Bearer(Bearer { token, authorization, range }))
            }
            (ask, Some(authorization)) => {
                let who = self.who(&authorization.claim().resource)?;
                Ok(Request::Signed(Signed { generation: self.path.generation, who, authorization, ask }))
            }
            (_, None) => Err(RequestError::NotSigned),
        }
    }

    fn authorization(&self) -> Result<Authorization, RequestError> {
        let sent = self.call.headers.value("Authorization").ok_or(RequestError::NotSigned)?;
        Ok(Authorization::read(sent)?)
    }

    /// Whom it is of, as its proof must say, too.
    fn who(&self, resource: &Resource) -> Result<Who, RequestError> {
        let foreign = || RequestError::Authorization(AuthorizationError::ForeignResource);
        if self.path.route == Route::DeviceNumber {
            let Info { pid, .. } = body::read(&self.call.body)?;
            let product = product(resource).filter(|product| pid.text() == product.as_str());
            return product.cloned().map(Who::Product).ok_or_else(foreign);
        }
        let device = self.device(Some(resource))?;
        if resource.speaks_for(&device) { Ok(Who::Device(device)) } else { Err(foreign()) }
    }

    /// The device that is named: by the path, or by the query, and then the proof tells the product.
    fn device(&self, resource: Option<&Resource>) -> Result<DeviceId, RequestError> {
        if let Some((product, device)) = self.path.named {
            return Ok(DeviceId {
                product: ProductKey::new(product).map_err(|_| RequestError::Name("product id"))?,
                device: DeviceName::new(device).map_err(|_| RequestError::Name("device name"))?,
            });
        }
        let product = product(resource.ok_or(RequestError::NotSigned)?);
        let product = product.cloned().ok_or(AuthorizationError::ForeignResource)?;
        let name = self.parameter("dev_id")?.ok_or(RequestError::Parameter { name: "dev_id" })?;
        let device = DeviceName::new(name).map_err(|_| RequestError::Parameter { name: "dev_id" })?;
        Ok(DeviceId { product, device })
    }

    fn ask(&self) -> Result<Ask, RequestError> {
        let Call { method, body, .. } = self.call;
        match (self.path.route, method) {
            (Route::Version, Method::Post) => Ok(Ask::Version(Versions::read(body)?)),
            (Route::Version, Method::Get) => Ok(Ask::Versions),
            (Route::Check, Method::Get) => self.check().map(Ask::Check),
            (Route::TaskCheck(task), Method::Get) => self.handle(task).map(Ask::TaskCheck),
            (Route::Download(task), Method::Get) => {
                let range = self.call.headers.value("Range").and_then(range::read);
                Ok(Ask::Download { task: self.handle(task)?, range })
            }
            (Route::Step(task), Method::Post) => {
                Ok(Ask::Step { task: self.handle(task)?, step: step::read(body)? })
            }
            (Route::Running, Method::Get) => Ok(Ask::Running { kind: self.kind()?, cdn: self.cdn()? }),
            (Route::Result, Method::Post) => {
                let token = self.parameter("token")?.ok_or(RequestError::Parameter { name: "token" })?;
                let token = Token::new(token).map_err(|_| RequestError::Parameter { name: "token" })?;
                Ok(Ask::Result { token, step: step::read(body).map_err(RequestError::Result)? })
            }
            (Route::DeviceNumber, Method::Get) => {
                let Info { auth_info, .. } = body::read(body)?;
                match auth_info.len() {
                    1..=MAX_AUTH_INFO_BYTES => Ok(Ask::DeviceNumber { auth_info }),
                    _ => Err(RequestError::Body(json::malformed("authInfo has not 1 to 128 bytes"))),
                }
            }
            _ => Err(RequestError::Method),
        }
    }

    fn handle(&self, task: &str) -> Result<Handle, RequestError> {
        match self.path.generation {
            Generation::Token => Token::new(task).map(Handle::Token).map_err(|_| RequestError::Name("token")),
            Generation::Tid | Generation::Fuse => {
                let digits = task.bytes().all(|byte| byte.is_ascii_digit()); // `parse` alone would take a sign
                let tid = task.parse().ok().filter(|_| digits);
                tid.map(Handle::Tid).ok_or(RequestError::Name("tid"))
            }
        }
    }

    fn check(&self) -> Result<Check, RequestError> {
        let running = self.parameter("version")?.ok_or(RequestError::Parameter { name: "version" })?;
        Ok(Check {
            kind: self.kind()?,
            running: Version::new(running).map_err(RequestError::Version)?,
            hardware: match self.path.generation {
                Generation::Token => self.hardware()?,
                Generation::Tid | Generation::Fuse => Hardware::default(),
            },
        })
    }

    fn hardware(&self) -> Result<Hardware, RequestError> {
        let code = |name| -> Result<Option<String>, RequestError> {
            match self.parameter(name)? {
                Some(code) if !is_code(&code) => Err(RequestError::Parameter { name }),
                code => Ok(code),
            }
        };
        let level = |name| -> Result<Option<u32>, RequestError> {
            let level = self.parameter(name)?.map(|level| level.parse());
            level.transpose().map_err(|_| RequestError::Parameter { name })
        };
        Ok(Hardware {
            cdn: self.cdn()?,
            manuf: code("manuf")?,
            model: code("model")?,
            signal: level("signals")?,
            power: level("powers")?,
        })
    }

    fn kind(&self) -> Result<Kind, RequestError> {
        let number = self.parameter("type")?.and_then(|number| number.parse().ok());
        number.and_then(Kind::from_number).ok_or(RequestError::Parameter { name: "type" })
    }

    fn cdn(&self) -> Result<bool, RequestError> {
        match self.parameter("cdn")?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(RequestError::Parameter { name: "cdn" }),
        }
    }

    fn parameter(&self, name: &'static str) -> Result<Option<String>, RequestError> {
        route::parameter(&self.call.target, name)
    }
}

fn product(resource: &Resource) -> Option<&ProductKey> {
    match resource {
        Resource::Product(product) | Resource::Device(DeviceId { product, .. }) => Some(product),
        Resource::User(_) => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    pid: Scalar,
    auth_info: String,
}
