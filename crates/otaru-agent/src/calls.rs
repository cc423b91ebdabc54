//! The way to a platform that speaks HTTP: its calls, and its files where they lie on its own host, each with a proof of who
//! the device is. Only this knows secret and time; the proof goes to the platform's own host and nowhere else.

mod caller;

use std::io;

use otaru_core::{FetchError, RequestId};
use otaru_wire::{
    dialect::{AnswerError, CallHalf, Credentials},
    http::{Answer, Call},
};

use crate::clock;
pub(crate) use caller::CallOptions;
use caller::Caller;

/// Whose a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallId {
    /// The updater's.
    Updater(RequestId),
    /// The agent's own question whether the platform is there.
    Probe,
}

/// What calls are made with, and who makes them.
pub(crate) struct Calls {
    caller: Caller,
    base: String,
    half: &'static dyn CallHalf,
    credentials: Credentials,
    under_way: u32,
}

impl Calls {
    /// Starts the thread. `deliver` gets what came of each call.
    pub(crate) fn start(
        options: CallOptions,
        half: &'static dyn CallHalf,
        credentials: Credentials,
        deliver: impl Fn(CallId, Result<Answer, FetchError>) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let base = options.base.clone();
        Ok(Self { caller: Caller::start(options, deliver)?, base, half, credentials, under_way: 0 })
    }

    /// Signs a call and makes it, behind those that were made before.
    ///
    /// # Errors
    /// The device's secret is none of this dialect: the configuration's fault, which it is checked for.
    pub(crate) fn make(&mut self, id: CallId, mut call: Call) -> Result<(), FetchError> {
        call.headers.add("Authorization", self.authorization()?);
        self.caller.call(id, call);
        self.under_way = self.under_way.saturating_add(1);
        Ok(())
    }

    /// What came of a call was delivered.
    pub(crate) fn ended(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// True until what came of every call was delivered.
    pub(crate) fn is_calling(&self) -> bool {
        self.under_way > 0
    }

    /// Asks whether the platform is there and believes the device: its answer is for [`Calls::believed`].
    ///
    /// # Errors
    /// As [`Calls::make`].
    pub(crate) fn probe(&mut self) -> Result<(), FetchError> {
        let call = self.half.write_probe(&self.credentials.id);
        self.make(CallId::Probe, call.map_err(|error| FetchError::BadUrl(error.to_string()))?)
    }

    /// Whether the platform was there and believed the device, whatever it was asked.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub(crate) fn believed(&self, answer: &Answer) -> Result<(), AnswerError> {
        self.half.read_believed(answer)
    }

    /// Where the file of a link lies, and the proof that its request needs. A link that begins with a slash is a path on the
    /// platform; every other is followed as it is, without a proof.
    ///
    /// # Errors
    /// As [`Calls::make`].
    pub(crate) fn locate(&self, url: String) -> Result<(String, Option<String>), FetchError> {
        match url.starts_with('/') {
            true => Ok((format!("{}{url}", self.base), Some(self.authorization()?))),
            false => Ok((url, None)),
        }
    }

    fn authorization(&self) -> Result<String, FetchError> {
        let signed = self.half.write_authorization(&self.credentials, clock::wall_s());
        signed.map_err(|error| FetchError::BadUrl(format!("it cannot be signed: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, time::Duration};

    use otaru_wire::dialect::onenet;

    use super::*;
    use crate::{
        http_server::{header, serve},
        tls::Trust,
    };

    fn calls(base: String, secret: &str) -> (Calls, std::sync::mpsc::Receiver<Result<Answer, FetchError>>) {
        let (sender, answers) = channel();
        let (connect_timeout, timeout) = (Duration::from_secs(10), Duration::from_secs(20));
        let options = CallOptions { base, trust: Trust::WebRoots, connect_timeout, timeout };
        let id = otaru_wire::DeviceId { product: "p".parse().unwrap(), device: "d".parse().unwrap() };
        let credentials = Credentials { id, secret: secret.into() };
        let deliver = move |_, result| sender.send(result).is_ok();
        (Calls::start(options, &onenet::DEVICE_FUSE, credentials, deliver).unwrap(), answers)
    }

    fn get(target: &str) -> Call {
        Call {
            method: otaru_wire::http::Method::Get,
            target: target.into(),
            headers: Default::default(),
            body: vec![],
        }
    }

    #[test]
    fn every_call_and_every_file_of_the_platform_bears_a_proof_of_now() {
        let (server, _) = serve(None, |request, wire| {
            let body = header(request, "authorization").unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            wire.write_all((head + body).as_bytes()).is_ok()
        });
        let (mut calls, answers) = calls(format!("http://{server}"), "a2V5");
        calls.probe().unwrap();
        let answer = answers.recv_timeout(Duration::from_secs(30)).unwrap().unwrap();
        let (url, proof) = calls.locate("/fuse-ota/p/d/7/download".into()).unwrap();
        assert_eq!(url, format!("http://{server}/fuse-ota/p/d/7/download"));
        let key = onenet::AccessKey::from_base64("a2V5").unwrap();
        for proof in [String::from_utf8(answer.body).unwrap(), proof.unwrap()] {
            let proof = onenet::Authorization::read(&proof).unwrap();
            assert_eq!(proof.verify(&key, clock::wall_s()), Ok(()));
            assert!(proof.claim().expires_s <= clock::wall_s() + 86_400);
        }
    }

    #[test]
    fn a_file_elsewhere_is_fetched_without_a_proof() {
        let (calls, _) = calls("http://127.0.0.1:1".into(), "a2V5");
        for url in ["http://127.0.0.1:1.example/f", "http://127.0.0.1:1/f", "https://cdn.example/f", ""] {
            assert_eq!(calls.locate(url.into()), Ok((url.to_owned(), None)));
        }
        // Whatever stands behind the slash is a path of the platform's.
        assert_eq!(calls.locate("//cdn.example/f".into()).unwrap().0, "http://127.0.0.1:1//cdn.example/f");
    }

    #[test]
    fn a_secret_that_is_no_key_signs_nothing_and_is_not_told() {
        let (mut calls, answers) = calls("http://127.0.0.1:1".into(), "(s3cret)");
        let error = calls.make(CallId::Updater(RequestId(1)), get("/")).unwrap_err();
        assert!(
            error.to_string().contains("it cannot be signed") && !error.to_string().contains("s3cret"),
            "{error}"
        );
        assert_eq!(calls.locate("/f".into()), Err(error));
        assert!(answers.try_recv().is_err());
    }
}
