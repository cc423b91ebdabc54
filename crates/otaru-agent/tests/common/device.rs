//! The platform's end of a device's session.

use otaru_wire::dialect::LoginKeys;

use super::*;

/// Serves one connection until it ends.
pub(super) fn serve(shared: &Shared, mut wire: Box<dyn Wire>) {
    let start = Moment::now();
    let now = move || Instant(start.elapsed().as_millis() as u64);
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let (connect, used) = loop {
        match wire.read(&mut buffer) {
            Ok(len) if len > 0 => bytes.extend_from_slice(&buffer[..len]),
            _ => return,
        }
        match admit(&bytes) {
            Admission::More => {}
            Admission::Connect { connect, used } => break (connect, used),
            Admission::Refuse { .. } => return,
        }
    };
    if let Some(asked) = aliyun::registration::read_login(&connect.login).unwrap() {
        return registration::serve(shared, wire, &connect, &asked, now());
    }
    let device = aliyun::Platform.read_login(&connect.login).unwrap();
    let proven = match aliyun::registration::token_client_id(&connect.login) {
        Some(_) => aliyun::registration::verify_token(&connect.login, registration::TOKEN),
        None => aliyun::Platform.verify_login(&connect.login, &LoginKeys::of_device(SECRET)),
    };
    if proven.is_err() {
        let _ = wire.write_all(&connect.refuse(Refusal::BadLogin));
        shared.world().refused_logins += 1;
        shared.changed();
        return;
    }
    let mut out = Vec::new();
    let mut session = Server::accept(now(), &connect, &ServerOptions::default(), &mut out);
    shared.world().logins += 1;
    shared.changed();
    let mut unread = bytes.split_off(used);
    loop {
        let mut ear = Ear { shared, device: device.clone(), answers: Vec::new(), hangs_up: false };
        let result = session.received(now(), &mut &unread[..], &mut ear, &mut out);
        if ear.hangs_up {
            return shared.world().hang_up();
        }
        for answer in ear.answers {
            session.send(&answer, &mut out).unwrap();
        }
        if wire.write_all(&out).is_err() || result.is_err() {
            return;
        }
        out.clear();
        shared.changed();
        match wire.read(&mut buffer) {
            Ok(len) if len > 0 => unread = buffer[..len].to_vec(),
            _ => return,
        }
        if unread == [0xC0, 0] {
            shared.world().pings += 1;
        }
    }
}

struct Ear<'a> {
    shared: &'a Shared,
    device: DeviceId,
    answers: Vec<Message>,
    /// The connection breaks now.
    hangs_up: bool,
}

impl Ear<'_> {
    /// Pushes the Config if it is not answered; often is as good as once.
    fn push_config(&mut self) {
        let open = self.shared.world().config_open;
        if let Some(config) = self.shared.config().filter(|_| open) {
            self.answers.extend(aliyun::Platform.write_config(&self.device, 7, &config).unwrap());
        }
    }
}

impl Handler for Ear<'_> {
    fn message(&mut self, message: Message) -> Taken {
        let uplink = aliyun::Platform.read_report(&message.topic, &message.payload).unwrap();
        if uplink.device == self.device {
            assert!(aliyun::Platform.may_publish(&self.device, &message.topic), "{}", message.topic);
            self.shared.world().reports.push(uplink.report.clone());
        } else {
            assert_eq!(aliyun::Platform.on_behalf(&message.topic).as_ref(), Some(&uplink.device));
            self.shared.world().hear_behind(&uplink.device, &uplink.report);
        }
        let notice = self.shared.notice(&uplink.device);
        match &uplink.report {
            Report::Version { module, .. } if module.is_default() => self.push_config(),
            Report::Progress { .. } => self.push_config(),
            _ => {}
        }
        match &uplink.report {
            Report::Version { module, version } => {
                let DeviceId { product, device } = &uplink.device;
                let topic = format!("/ota/device/upgrade/{product}/{device}");
                let pushes = std::mem::take(&mut self.shared.world().raw_pushes);
                self.answers.extend(pushes.into_iter().map(|text| Message {
                    topic: topic.clone(),
                    payload: text.into_bytes(),
                    qos: Qos::AtMostOnce,
                }));
                if let Some(notice) =
                    notice.filter(|notice| notice.module == *module && notice.version != *version)
                {
                    self.answers.push(aliyun::Platform.write_notice(&uplink.device, 1, &notice).unwrap());
                }
            }
            Report::Query { .. } => {
                let (topic, device, id) = (&message.topic, &uplink.device, &uplink.id);
                let question = Question { topic, device, id, wanted: None };
                self.answers.push(aliyun::Platform.write_answer(&question, notice.as_ref()).unwrap());
            }
            Report::Block(request) => match self.shared.world().block(request) {
                Some(block) => {
                    let answer = aliyun::Platform.write_block(&self.device, &uplink.id, &block).unwrap();
                    self.answers.extend(answer);
                }
                None => self.hangs_up = true,
            },
            Report::ConfigQuery => {
                let (config, device) = (self.shared.config(), &self.device);
                let answer = config.as_ref().ok_or(NoConfig::Absent);
                let answer = aliyun::Platform.write_config_answer(device, &uplink.id, answer).unwrap();
                self.answers.extend(answer);
            }
            Report::ConfigTaken { .. } => self.shared.world().config_open = false,
            Report::Gateway(report) => {
                let result = self.shared.world().hear_gateway(report);
                let answer = aliyun::Platform.write_gateway_answer(&self.device, &uplink.id, report, result);
                self.answers.extend(answer);
            }
            Report::Progress { .. }
            | Report::NoticeTaken { .. }
            | Report::TaskCheck { .. }
            | Report::Done { .. } => {}
        }
        Taken::Accepted
    }

    fn may_subscribe(&mut self, filter: &str) -> bool {
        let behind = aliyun::Platform.on_behalf(filter);
        aliyun::Platform.may_subscribe(&self.device, filter)
            || behind.is_some_and(|device| self.shared.world().is_online(&device))
    }
}

impl World {
    /// The block asked for; none if the session is to break in its place.
    fn block(&mut self, request: &BlockRequest) -> Option<Block> {
        self.blocks.push(request.clone());
        if self.break_at_block == Some(self.blocks.len()) {
            return None;
        }
        let bytes = Arc::clone(&self.target.as_ref().unwrap().files[request.file as usize - 1]);
        let start = request.offset as usize;
        let end = bytes.len().min(start + request.len as usize);
        Some(Block {
            token: request.token.clone(),
            file_size: bytes.len() as u64,
            offset: request.offset,
            bytes: bytes[start..end].to_vec(),
        })
    }

    /// Breaks every session's connection, as a network that goes away does.
    pub(crate) fn hang_up(&mut self) {
        for stream in self.streams.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}
