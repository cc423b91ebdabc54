//! The operator API as a client sees it: one call, one answer, errors that name the next step.

use std::time::Duration;

use anyhow::Context;
use otaru_platform::http::shapes::Refused;
use serde::{Serialize, de::DeserializeOwned};
use ureq::{Agent, Body, SendBody, http};

use crate::{cli::platform::PlatformArgs, exit, exit::Coded};

/// What to do about a token that is missing or refused.
const TOKEN_STEP: &str = "set OTARU_TOKEN to what `otaru serve` printed at its first start";

/// Calls one platform with one token.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    token: String,
}

impl Client {
    /// A client for the platform that the options or the environment name.
    ///
    /// # Errors
    /// Without a token.
    pub(crate) fn new(platform: &PlatformArgs) -> anyhow::Result<Self> {
        let token = platform
            .token
            .clone()
            .ok_or_else(|| Coded::new(exit::NOT_ALLOWED, format!("no token: {TOKEN_STEP}")))?;
        Ok(Self::at(&platform.url, token))
    }

    /// A client for the platform at `url`.
    pub(crate) fn at(url: &str, token: String) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .build();
        Self { agent: config.into(), base: format!("{}/api/v1", url.trim_end_matches('/')), token }
    }

    /// Asks for something.
    pub(crate) fn fetch<A: DeserializeOwned>(&self, path: &str) -> anyhow::Result<A> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("Authorization", self.bearer());
        self.understand(request.call())
    }

    /// Makes or changes something.
    pub(crate) fn post<A: DeserializeOwned>(&self, path: &str, what: &impl Serialize) -> anyhow::Result<A> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("Authorization", self.bearer());
        self.understand(request.send_json(what))
    }

    /// Puts something in the place of what was there.
    pub(crate) fn put<A: DeserializeOwned>(&self, path: &str, what: &impl Serialize) -> anyhow::Result<A> {
        let request = self.agent.put(format!("{}{path}", self.base)).header("Authorization", self.bearer());
        self.understand(request.send_json(what))
    }

    /// Takes something back.
    pub(crate) fn delete<A: DeserializeOwned>(&self, path: &str) -> anyhow::Result<A> {
        let request =
            self.agent.delete(format!("{}{path}", self.base)).header("Authorization", self.bearer());
        self.understand(request.call())
    }

    /// Uploads `size` bytes as they are. They are sent only when the platform wants them: a refusal that needs no
    /// byte of them (token, size, disk) comes back as such instead of as a broken connection.
    pub(crate) fn upload<A: DeserializeOwned>(
        &self,
        name: &str,
        size: u64,
        mut reader: impl std::io::Read,
    ) -> anyhow::Result<A> {
        let request = self
            .agent
            .put(format!("{}/files", self.base))
            .query("name", name)
            .header("Authorization", self.bearer())
            .header("Content-Length", size.to_string())
            .header("Expect", "100-continue");
        self.understand(request.send(SendBody::from_reader(&mut reader)))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn understand<A: DeserializeOwned>(
        &self,
        answer: Result<http::Response<Body>, ureq::Error>,
    ) -> anyhow::Result<A> {
        let mut answer = answer.map_err(|error| {
            Coded::new(exit::UNAVAILABLE, format!("the platform at {} does not answer: {error} (is `otaru serve` running there? see OTARU_URL)", self.base))
        })?;
        let status = answer.status();
        if status.is_success() {
            return answer.body_mut().read_json().context("reading the platform's answer");
        }
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let message = match serde_json::from_str::<Refused>(&text) {
            Ok(Refused { error }) if status == http::StatusCode::UNAUTHORIZED => {
                format!("{} ({TOKEN_STEP})", error.message)
            }
            Ok(Refused { error }) => match error.next_step {
                Some(next) => format!("{} ({next})", error.message),
                None => error.message,
            },
            Err(_) => format!("the platform answered {status}"),
        };
        Err(Coded::new(code_for(status.as_u16()), message).into())
    }
}

fn code_for(status: u16) -> u8 {
    match status {
        401 | 403 => exit::NOT_ALLOWED,
        404 | 410 => exit::NOT_FOUND,
        409 => exit::CONFLICT,
        429 | 502..=504 => exit::UNAVAILABLE,
        _ => exit::FAILURE,
    }
}
