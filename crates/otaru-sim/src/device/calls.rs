//! A device's calls: on their way, answered or lost. And its platform's own files.

use otaru_core::{FetchError, Head, Input, RequestId};
use otaru_wire::{
    ByteRange,
    dialect::{
        Credentials,
        onenet::{AccessKey, Ask, Download, Generation, Payload, Portion, Reply, Request, read},
    },
    http::{Call, Method},
    http_range::{ContentRange, write_range},
};

use super::Device;
use crate::{
    outside::{Happening, Outside},
    planted::Planted,
    platform::EPOCH_MS,
    server::{Answer, End, Server},
    violation::Violation,
    weather::Weather,
};

/// Every device's key.
const SECRET: &str = "am91cm5leQ==";

/// What a call may be answered with instead.
const STATUSES: [u16; 6] = [401, 403, 404, 429, 500, 503];

impl Device {
    /// The updater calls: it reaches the platform, or nobody.
    pub(super) fn call(&mut self, outside: &mut Outside, request: RequestId, call: Call) {
        let call = self.signed(outside, call);
        let Some(ask) = self.open(outside, &call) else { return };
        let copies = if self.planted(Planted::Storm) && matches!(ask, Ask::Check(_)) { 100 } else { 1 };
        for _ in 0..copies {
            self.watch.called(&ask, outside.now);
        }
        let (device, boot, at) = (self.options.index, self.boot, outside.now + outside.rng.between(5, 300));
        if outside.strikes(|weather| weather.session_lost / 2) {
            self.watch.call_failed(self.markers.len() as u32);
            let input = Input::Answered(request, Err(FetchError::Unreachable("no route to host".into())));
            return outside.at(at, Happening::Input { device, boot, input, generation: 0 });
        }
        if self.planted(Planted::CheckSkipped) && matches!(ask, Ask::TaskCheck(_)) {
            let Some(generation) = self.options.form.generation() else { return };
            let input = Input::Answered(request, Ok(Reply::Done.write(generation, "")));
            return outside.at(at, Happening::Input { device, boot, input, generation: 0 });
        }
        outside.at(at, Happening::Call { device, boot, request, call });
    }

    /// What a doer adds: the proof.
    fn signed(&self, outside: &Outside, mut call: Call) -> Call {
        let credentials = Credentials { id: self.options.id.clone(), secret: SECRET.into() };
        let now_s = (EPOCH_MS + outside.now) / 1000;
        let half = self.options.form.dialect().calls();
        if let Some(Ok(proof)) = half.map(|half| half.write_authorization(&credentials, now_s)) {
            call.headers.add("Authorization", proof);
        }
        call
    }

    /// What a call asks for: its proof must hold.
    fn open(&mut self, outside: &Outside, call: &Call) -> Option<Ask> {
        let (keys, now_s) = (AccessKey::from_base64(SECRET).ok()?, (EPOCH_MS + outside.now) / 1000);
        let opened = match read(call) {
            Ok(Some(Request::Signed(signed))) => {
                signed.open(&[keys], now_s).map_err(|error| error.to_string())
            }
            Ok(Some(Request::Bearer(bearer))) => {
                let task = otaru_wire::dialect::onenet::Handle::Token(bearer.token.clone());
                let range = bearer.open(&self.options.id, &[keys], now_s);
                range.map(|range| Ask::Download { task, range }).map_err(|error| error.to_string())
            }
            Ok(None) => Err("a call of no dialect".into()),
            Err(error) => Err(error.to_string()),
        };
        opened.map_err(|why| self.watch.broken(Violation::Misunderstood(why))).ok()
    }

    /// A device's call arrives. It is done whether or not the device still waits for the answer.
    pub(crate) fn called(&mut self, outside: &mut Outside, boot: u32, request: RequestId, call: &Call) {
        let (Some(generation), Some(ask)) = (self.options.form.generation(), self.open(outside, call)) else {
            return;
        };
        let modules = self.markers.len() as u32;
        let refused = outside.strikes(|weather| if weather.outage { 1000 } else { weather.status / 3 });
        let answer = if refused {
            self.watch.call_failed(modules);
            let status = STATUSES.get(outside.rng.next() as usize % STATUSES.len()).copied();
            let head = Head { status: status.unwrap_or(503), ..Head::default() };
            otaru_wire::http::Answer { head, body: Vec::new() }
        } else {
            let reply = outside.platform.asked(generation, &self.options.id, &ask, outside.now);
            reply.write(generation, "5b0f3a7c")
        };
        if outside.strikes(|weather| weather.session_lost / 2) {
            return self.watch.call_failed(modules); // nothing comes of it any more
        }
        let at = outside.now + outside.rng.between(5, 300);
        let (device, input) = (self.options.index, Input::Answered(request, Ok(answer)));
        outside.at(at, Happening::Input { device, boot, input, generation: 0 });
    }

    /// Fetches a piece of the platform's own file: no validator stands by it, so a file that is replaced is told by its length.
    pub(super) fn fetch_own(
        &mut self,
        outside: &mut Outside,
        generation: Generation,
        request: RequestId,
        url: String,
        range: ByteRange,
    ) {
        self.watch.fetches(&url, 0, range.start, outside.now);
        if self.planted(Planted::MarkerEarly) {
            self.activate_unproven(outside);
        }
        let headers = [("Range", write_range(range))].into();
        let call = Call { method: Method::Get, target: url, headers, body: Vec::new() };
        let call = self.signed(outside, call);
        let Some(Ask::Download { task, range: asked }) = self.open(outside, &call) else { return };
        let place = outside.platform.may_fetch(&self.options.id, &task, outside.now);
        let answer = match place {
            Err(refusal) => {
                let otaru_wire::http::Answer { head, body } = refusal.answer(generation);
                Answer { head, body, end: End::Whole, generation: 0, pause: 1 }
            }
            Ok(place) => {
                let weather = if outside.calm() { Weather::default() } else { outside.weather.clone() };
                if outside.rng.per_mille(weather.replaced) {
                    outside.server.lengthen(place);
                }
                let weather = Weather { replaced: 0, ..weather };
                let wanted = Portion::of(asked, outside.server.size(place)).bytes(outside.server.size(place));
                let answer = outside.server.answer(place, wanted, None, &weather, &mut outside.rng);
                spell(answer.unwrap_or_else(|| Server::refuse(404)), generation)
            }
        };
        self.come(outside, request, answer);
    }
}

/// The head of bytes as this dialect writes it; another server's refusal stays as it is.
fn spell(answer: Answer, generation: Generation) -> Answer {
    let part = answer.head.headers.value("Content-Range").and_then(ContentRange::read);
    let (portion, size) = match (answer.head.status, part) {
        (206, Some(ContentRange { range, total: Some(size) })) => (Portion::Part(range), size),
        (200, None) => (Portion::Whole, answer.head.content_length().unwrap_or_default()),
        _ => return answer,
    };
    match (Download::Piece { portion, size, name: "a.bin".into() }).write(generation) {
        (head, Payload::File(_)) => Answer { head, ..answer },
        (_, Payload::Byte(_) | Payload::Nothing) => answer,
    }
}
