//! The platform's half over MQTT: a device logs in, is told to come and check, and replies (onenet §6.1). Everything else is
//! HTTP, where [`super::read`] stands for it.

use super::{AccessKey, AuthorizationError, inform};
use crate::{
    DeviceId, MessageId, Notice, NoticeError, Report,
    dialect::{Login, LoginError, LoginKeys, PlatformHalf, Question, ReadError, Uplink},
    mqtt::Message,
};

use alloc::format;

/// The dialect's name, of all three generations.
const NAME: &str = "onenet";

/// The platform's half.
#[derive(Debug, Clone, Copy)]
pub struct Platform;

impl PlatformHalf for Platform {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The password tells whose form it is: no other vendor's holds `res` and `sign`.
    fn read_login(&self, login: &Login) -> Result<DeviceId, LoginError> {
        if !["res=", "sign="].iter().all(|part| login.password.contains(part)) {
            return Err(LoginError::NotThisDialect);
        }
        Ok(inform::read_login(login)?.0)
    }

    /// The device's own signed text, by its key or its product's: both are documented as good (onenet §3.1).
    fn verify_login(&self, login: &Login, keys: &LoginKeys<'_>) -> Result<(), LoginError> {
        let (_, authorization) = inform::read_login(login)?;
        let mut proven = Err(LoginError::WrongPassword);
        // A key that is none proves nothing.
        for key in [Some(keys.device), keys.product].into_iter().flatten().flat_map(AccessKey::from_base64) {
            match authorization.verify(&key, keys.now_s) {
                Err(AuthorizationError::WrongSign) => {}
                verified => proven = verified.map_err(LoginError::from),
            }
        }
        proven
    }

    fn may_publish(&self, device: &DeviceId, topic: &str) -> bool {
        topic == inform::reply_topic(device)
    }

    /// Whatever is its own, wildcards included: its firmware subscribes to properties and commands as well, and ends if it
    /// may not.
    fn may_subscribe(&self, device: &DeviceId, filter: &str) -> bool {
        let own = format!("$sys/{}/{}/", device.product, device.device);
        filter.strip_prefix(own.as_str()).is_some_and(|rest| !rest.is_empty())
    }

    fn read_report(&self, topic: &str, payload: &[u8]) -> Result<Uplink, ReadError> {
        let device = inform::addressee(topic).filter(|device| self.may_publish(device, topic));
        let device = device.ok_or(ReadError::UnknownTopic)?;
        let (id, code) = inform::read_reply(payload)?;
        let id = MessageId::Text(id);
        Ok(Uplink { device, id: id.clone(), report: Report::NoticeTaken { push: id, code } })
    }

    /// Says that there is something, not what: the device asks by HTTP.
    fn write_notice(&self, device: &DeviceId, now_ms: u64, _notice: &Notice) -> Result<Message, NoticeError> {
        Ok(inform::write(device, &format!("ota-{now_ms}")))
    }

    /// Nobody asks over MQTT. Whoever did would be told to come and check.
    fn write_answer(
        &self,
        question: &Question<'_>,
        _notice: Option<&Notice>,
    ) -> Result<Message, NoticeError> {
        let id = match question.id {
            MessageId::Number(number) => format!("{number}"),
            MessageId::Text(text) => text.clone(),
        };
        Ok(inform::write(question.device, &id))
    }

    fn push_reply_within_s(&self) -> Option<u64> {
        Some(inform::REPLY_WITHIN_S)
    }
}

impl From<AuthorizationError> for LoginError {
    fn from(error: AuthorizationError) -> Self {
        let problem = match error {
            AuthorizationError::WrongSign => return LoginError::WrongPassword,
            AuthorizationError::Expired { expires_s, now_s } => {
                return LoginError::Expired { expires_s, now_s };
            }
            AuthorizationError::Id(error) => return LoginError::Id(error),
            AuthorizationError::Malformed { problem, .. } => problem,
            AuthorizationError::TooLong { .. } => "it is too long",
            AuthorizationError::Missing { .. } => "a part of it is missing",
            AuthorizationError::Repeated { .. } => "a part of it stands there twice",
            AuthorizationError::ForeignResource => "it does not speak for this device itself",
        };
        LoginError::Malformed { part: "password", problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::onenet::{Claim, Edition, Method, Resource};

    const DEVICE_KEY: &str = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";
    const PRODUCT_KEY: &str = "dGVzdC1rZXk=";
    const EXPIRES_S: u64 = 2_524_579_200;

    fn me() -> DeviceId {
        DeviceId { product: "PrdTest001".parse().unwrap(), device: "meter-01".parse().unwrap() }
    }

    fn login(key: &str) -> Login {
        let resource = Resource::Device(me());
        let claim = Claim { edition: Edition::E2018, resource, expires_s: EXPIRES_S, method: Method::Sha1 };
        inform::write_login(&me(), &claim, &AccessKey::from_base64(key).unwrap())
    }

    fn keys(now_s: u64) -> LoginKeys<'static> {
        LoginKeys { device: DEVICE_KEY, product: Some(PRODUCT_KEY), now_s }
    }

    /// Sources: onenet §3.1, both keys are good for the device's form; §6.1.
    #[test]
    fn a_login_holds_by_the_devices_key_or_its_products_until_it_expires() {
        for key in [DEVICE_KEY, PRODUCT_KEY] {
            let login = login(key);
            assert_eq!(Platform.read_login(&login), Ok(me()));
            assert_eq!(Platform.verify_login(&login, &keys(EXPIRES_S)), Ok(()));
            let late = Platform.verify_login(&login, &keys(EXPIRES_S + 1));
            assert_eq!(late, Err(LoginError::Expired { expires_s: EXPIRES_S, now_s: EXPIRES_S + 1 }));
        }
        let strange = Platform.verify_login(&login("S2V5"), &keys(0));
        assert_eq!(strange, Err(LoginError::WrongPassword));
        let none = LoginKeys { device: "no base64!", product: None, now_s: 0 };
        assert_eq!(Platform.verify_login(&login(DEVICE_KEY), &none), Err(LoginError::WrongPassword));
    }

    #[test]
    fn another_vendors_login_is_told_by_its_password_and_a_broken_one_is_named() {
        let other = Login { password: "a".repeat(64), ..login(DEVICE_KEY) };
        assert_eq!(Platform.read_login(&other), Err(LoginError::NotThisDialect));
        let broken = Login { password: "res=x&sign=y".into(), ..other };
        assert!(matches!(Platform.read_login(&broken), Err(LoginError::Malformed { part: "password", .. })));
        let stranger = Login { client_id: "meter-02".into(), ..login(DEVICE_KEY) };
        assert!(matches!(Platform.read_login(&stranger), Err(LoginError::Malformed { .. })));
    }

    #[test]
    fn a_device_speaks_on_its_own_reply_topic_alone_and_listens_to_its_own() {
        let topic = inform::reply_topic(&me());
        assert!(Platform.may_publish(&me(), &topic));
        for filter in ["ota/inform", "ota/+", "#", "thing/property/set"] {
            assert!(Platform.may_subscribe(&me(), &format!("$sys/PrdTest001/meter-01/{filter}")));
        }
        let theirs = DeviceId { device: "meter-02".parse().unwrap(), ..me() };
        assert!(!Platform.may_publish(&theirs, &topic) && !Platform.may_subscribe(&theirs, &topic));
        for filter in ["#", "$sys/#", "$sys/+/+/ota/inform", "$sys/PrdTest001/meter-01/", "$sys/PrdTest001/#"]
        {
            assert!(!Platform.may_subscribe(&me(), filter), "{filter}");
            assert!(!Platform.may_publish(&me(), filter), "{filter}");
        }
    }

    #[test]
    fn a_reply_is_read_with_its_code_and_from_its_topic_only() {
        let (topic, payload) = (inform::reply_topic(&me()), br#"{"id":"ota-7","code":400}"#);
        let uplink = Platform.read_report(&topic, payload).unwrap();
        let push = MessageId::Text("ota-7".into());
        assert_eq!(uplink.report, Report::NoticeTaken { push, code: 400 });
        assert_eq!(uplink.device, me());
        let elsewhere = Platform.read_report(&inform::topic(&me()), payload);
        assert_eq!(elsewhere, Err(ReadError::UnknownTopic));
    }
}
