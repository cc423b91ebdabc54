//! OneNET without a socket: calls of each generation, and what they are answered.

mod flow;
mod handles;
mod informs;
mod stages;
mod versions;

use otaru_fleet::Serial;
use otaru_wire::{
    dialect::onenet::{
        self, AccessKey, Ask, Check, Claim, DownloadRefusal, Edition, Generation, Handle, Hardware, Kind,
        Method, Refusal, Reply, Resource, Step, Terms, Token, Versions,
    },
    http::{Answer, Call},
    http_range::RangeRequest,
};

use super::{registering::Log, *};

/// The access key of the sheet's worked example (onenet §3.2).
const PRODUCT_KEY: &str = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";

/// A platform with one product of this dialect.
async fn platform() -> World {
    platform_with(Options::default()).await
}

async fn platform_with(options: Options) -> World {
    let options = Options { grace: Duration::ZERO, ..options };
    let world = World::of(Arc::new(tempfile::tempdir().unwrap()), Location::Memory, options);
    let order =
        ProductOrder { secret: Some(Secret::new(PRODUCT_KEY)), ..ProductOrder::new(key(), Dialect::Onenet) };
    world.service.create_product(order).await.unwrap();
    world
}

/// The value of `Authorization` for a resource, good for an hour.
fn proof(world: &World, resource: Resource, key: &str) -> String {
    let expires_s = world.now.load(Ordering::SeqCst) / 1000 + 3600;
    let claim = Claim { edition: Edition::E2018, resource, expires_s, method: Method::Sha1 };
    claim.sign(&AccessKey::from_base64(key).unwrap())
}

impl World {
    /// A device's question with its own proof.
    fn question(&self, generation: Generation, device: &DeviceId, ask: &Ask) -> Call {
        let own = proof(self, Resource::Device(device.clone()), self.secrets[device].expose());
        ask.write(generation, device, &own).unwrap()
    }

    async fn serve(&self, call: &Call) -> Answer {
        match self.service.onenet(call).await {
            Served::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// The task that a device which runs 1.0.0 is told of.
    async fn offered(&self, generation: Generation, device: &DeviceId) -> onenet::Task {
        match self.asks(generation, device, &check("1.0.0")).await {
            Reply::Task(task) => task,
            other => panic!("{other:?}"),
        }
    }

    /// A device that knows itself by a serial.
    async fn numbered(&mut self, name: &str, serial: &Serial) -> DeviceId {
        let order = DeviceOrder { serial: Some(serial.clone()), ..DeviceOrder::new(id(name)) };
        let device = self.service.create_device(order).await.unwrap();
        self.secrets.insert(device.id.clone(), device.secret);
        device.id
    }

    /// A device asks and understands the reply.
    async fn asks(&self, generation: Generation, device: &DeviceId, ask: &Ask) -> Reply {
        let answer = self.serve(&self.question(generation, device, ask)).await;
        Reply::read(generation, ask, &answer).unwrap()
    }
}

/// What a device asks for its application, running this version.
fn check(running: &str) -> Ask {
    Ask::Check(Check { kind: Kind::Sota, running: v(running), hardware: Hardware::default() })
}

/// The number by which a download is refused. No client takes the answer for a file: it has no length, or no bytes.
fn refused_download(generation: Generation, answer: &Answer) -> u8 {
    let header = |name| answer.head.headers.value(name);
    match generation {
        Generation::Token => {
            assert_eq!((header("Content-Length"), header("Transfer-Encoding")), (None, Some("chunked")));
            let [byte] = answer.body[..] else { panic!("{} bytes", answer.body.len()) };
            byte
        }
        Generation::Tid | Generation::Fuse => {
            assert!(answer.head.status >= 400 && answer.body.is_empty());
            header("Ota-Errno").unwrap().parse().unwrap()
        }
    }
}

fn body(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

/// An envelope without the number of the answer, which is another each time.
fn envelope(answer: &Answer) -> String {
    let body = body(answer);
    let Some((before, rest)) = body.split_once(r#""request_id":""#) else { return body.to_owned() };
    let (id, after) = rest.split_once('"').unwrap();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    format!(r#"{before}"request_id":"#) + after
}
