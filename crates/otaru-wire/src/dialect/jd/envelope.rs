//! What every message is wrapped in (jd-iot-engine §3.3): read with blanks around keys and values, because JD's own samples
//! have them; written clean.

use alloc::{
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess},
};
use serde_json::value::RawValue;

use super::super::json::{self, Object, Scalar};
use crate::{MessageId, dialect::ReadError};

/// What a device asks or tells. JD's samples have the number in quotes.
pub(super) fn request(id: u32, data: &str) -> String {
    format!(r#"{{"msgId":"{id}","version":"1.0","data":{data}}}"#)
}

/// An answer that says how it went; its number is the question's.
pub(super) fn reply(id: &MessageId, code: u16) -> String {
    format!(r#"{{"msgId":{},"version":"1.0","code":{code}}}"#, json::message_id(id))
}

/// An answer that says what is wrong, in JD's own form (jd-iot-engine §4.2).
pub(super) fn refusal(id: &MessageId, code: u16, message: &str) -> String {
    let (id, message) = (json::message_id(id), json::quoted(message));
    format!(r#"{{"msgId":{id},"code":{code},"message":{message}}}"#)
}

/// The fields of a message.
pub(super) fn read(payload: &[u8]) -> Result<Fields, ReadError> {
    json::read(payload)
}

/// The fields of an object by their trimmed names.
#[derive(Default)]
pub(super) struct Fields(BTreeMap<String, Box<RawValue>>);

impl Fields {
    /// The field's value; none if it is missing or null.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ReadError> {
        let Some(raw) = self.0.get(key) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|error| json::malformed(&format!("{key}: {error}")))
    }

    /// True if the field is there and not null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|raw| raw.get() != "null")
    }

    /// The names of all fields, for people.
    pub(super) fn names(&self) -> String {
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// A text, trimmed; none if it is missing or empty.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ReadError> {
        let text: Option<String> = self.get(key)?;
        Ok(text.map(|text| text.trim().to_string()).filter(|text| !text.is_empty()))
    }

    /// A number or a text, trimmed.
    pub(super) fn scalar(&self, key: &str) -> Result<Option<Scalar>, ReadError> {
        Ok(self.get(key)?.map(|scalar| match scalar {
            Scalar::Text(text) => Scalar::Text(text.trim().to_string()),
            number => number,
        }))
    }

    /// The message's number; 0 if it has none.
    pub(super) fn id(&self) -> Result<MessageId, ReadError> {
        json::number_of(self.scalar("msgId")?.as_ref())
    }

    /// What the message is about.
    pub(super) fn data(&self) -> Result<Option<Fields>, ReadError> {
        Ok(self.get("data")?.map(|Object(fields)| fields))
    }

    /// How it went; none if it is not told.
    pub(super) fn code(&self) -> Result<Option<u16>, ReadError> {
        let Some(code) = self.scalar("code")? else { return Ok(None) };
        let code = code.unsigned().and_then(|code| u16::try_from(code).ok());
        code.map(Some).ok_or_else(|| json::malformed("code is not a number from 0 to 65535"))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if fields.insert(key.trim().to_string(), value).is_some() {
                        return Err(de::Error::custom("a field is there twice"));
                    }
                }
                Ok(Fields(fields))
            }
        }

        from.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: jd-iot-engine §3.3: blanks in printed samples, the number in quotes or not.
    #[test]
    fn blanks_around_keys_and_values_do_not_count() {
        let payload =
            r#"{ "msgId ": " 123 ", "data ": {" policy": " silent "}, "code":null, "version": 1.0 }"#;
        let fields = read(payload.as_bytes()).unwrap();
        assert_eq!(fields.id(), Ok(MessageId::Text("123".into())));
        assert_eq!((fields.code(), fields.has("code"), fields.has("data")), (Ok(None), false, true));
        let data = fields.data().unwrap().unwrap();
        assert_eq!((data.text("policy"), data.text("url")), (Ok(Some("silent".into())), Ok(None)));
        assert_eq!(data.names(), "policy");
        assert_eq!(read(br#"{"msgId":7}"#).unwrap().id(), Ok(MessageId::Number(7)));
        assert_eq!(read(b"{}").unwrap().id(), Ok(MessageId::Number(0)));
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        assert!(read(br#"{"data":{},"data ":{}}"#).is_err(), "the same key twice, but for a blank");
        assert!(read(b"[]").is_err() && read(b"").is_err() && read(b"{\"\xff\":1}").is_err());
        assert!(read(br#"{"data":[]}"#).unwrap().data().is_err());
        assert!(read(br#"{"data":{"a":1,"a":2}}"#).unwrap().data().is_err());
        for code in ["-1", "65536", "1.5", "\"ok\"", "[]"] {
            assert!(read(format!(r#"{{"code":{code}}}"#).as_bytes()).unwrap().code().is_err(), "{code}");
        }
        let long = format!(r#"{{"msgId":"{}"}}"#, "1".repeat(65));
        assert!(read(long.as_bytes()).unwrap().id().is_err());
    }

    /// Source: jd-iot-engine §5.
    #[test]
    fn a_reply_repeats_the_number_as_it_was_given() {
        let text = reply(&MessageId::Text("84213".into()), 200);
        assert_eq!(text, r#"{"msgId":"84213","version":"1.0","code":200}"#);
        assert_eq!(reply(&MessageId::Number(5), 400), r#"{"msgId":5,"version":"1.0","code":400}"#);
    }
}
