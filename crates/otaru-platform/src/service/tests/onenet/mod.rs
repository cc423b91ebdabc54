//! OneNET without a socket: calls of each generation, and what they are answered.

mod informs;
mod versions;

use otaru_wire::{
    dialect::onenet::{
        AccessKey, Ask, Claim, Edition, Generation, Kind, Method, Refusal, Reply, Resource, Versions,
    },
    http::{Answer, Call},
};

use super::*;

/// The access key of the sheet's worked example (onenet §3.2).
const PRODUCT_KEY: &str = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";

/// A platform with one product of this dialect.
async fn platform() -> World {
    let world = World::open(Arc::new(tempfile::tempdir().unwrap()), Location::Memory);
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

    /// A device asks and understands the reply.
    async fn asks(&self, generation: Generation, device: &DeviceId, ask: &Ask) -> Reply {
        let answer = self.serve(&self.question(generation, device, ask)).await;
        Reply::read(generation, ask, &answer).unwrap()
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
