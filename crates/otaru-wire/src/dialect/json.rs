//! Reading a stranger's JSON within bounds, and the shapes that all messages share.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, value::MapAccessDeserializer},
};

use crate::{IdError, MessageId, Module, dialect::ReadError};

/// The longest payload read or written, in bytes. The largest message known has 1100 (aliyun-link-sdk-v4 §2.3).
pub(super) const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// The deepest nesting read or written. The deepest message known has 4 levels; extra data may add its own.
pub(super) const MAX_DEPTH: usize = 32;

/// The longest message number echoed, in bytes. Documents have up to 10 digits (aliyun-link-sdk-v4 §2.2).
const MAX_ID_BYTES: usize = 64;

/// The longest reason kept of a parse error, in bytes: it may quote what a stranger sent.
const MAX_REASON_BYTES: usize = 200;

/// Reads a payload that must be one JSON object.
pub(super) fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, ReadError> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(ReadError::TooLong { len: payload.len(), max: MAX_PAYLOAD_BYTES });
    }
    let text = core::str::from_utf8(payload).map_err(|error| malformed(&error.to_string()))?;
    if depth(text) > MAX_DEPTH {
        return Err(ReadError::TooDeep { max: MAX_DEPTH });
    }
    match serde_json::from_str(text) {
        Ok(Object(message)) => Ok(message),
        Err(error) => Err(malformed(&error.to_string())),
    }
}

/// Reads a payload that stock SDKs write without knowing JSON: a comma may stand before a closing brace
/// (aliyun-link-sdk-v4 §3.1), and the outer braces may be missing (aliyun-iotkit-v3 §2.4).
pub(super) fn read_loosely<T: for<'a> Deserialize<'a>>(payload: &[u8]) -> Result<T, ReadError> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(ReadError::TooLong { len: payload.len(), max: MAX_PAYLOAD_BYTES });
    }
    let payload = payload.trim_ascii();
    let bare = payload.first() == Some(&b'"');
    let mut whole = Vec::with_capacity(payload.len() + 2);
    whole.extend(bare.then_some(b'{'));
    let (mut in_text, mut escaped) = (false, false);
    for (at, byte) in payload.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' if !in_text => {
                let rest = payload.get(at + 1..).unwrap_or_default();
                // Only blanks may lie between; each blank is looked at once for each comma before it, so stop early.
                if matches!(rest.iter().take(8).find(|byte| !byte.is_ascii_whitespace()), Some(b'}' | b']')) {
                    continue;
                }
            }
            _ => {}
        }
        whole.push(*byte);
    }
    whole.extend(bare.then_some(b'}'));
    read(&whole)
}

/// A parse error that quotes no more of a stranger's text than is useful.
pub(super) fn malformed(reason: &str) -> ReadError {
    ReadError::Malformed(cut(reason, MAX_REASON_BYTES).into())
}

/// The longest prefix of `text` of at most `max` bytes that ends between two characters.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1; // ends at the latest at 0, which is a boundary
    }
    text.get(..end).unwrap_or_default()
}

/// How deep braces and brackets outside of texts nest. Iterative, so that no input exhausts the stack.
pub(super) fn depth(json: &str) -> usize {
    let (mut open, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' if !in_text => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A text in quotes, escaped no more than JSON demands: `/` and `&` stay as they are.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A message number as it was given.
pub(super) fn message_id(id: &MessageId) -> String {
    match id {
        MessageId::Number(number) => number.to_string(),
        MessageId::Text(text) => quoted(text),
    }
}

/// What devices send: a number and parameters. Protocol version and method may stand beside them.
#[derive(Deserialize)]
pub(super) struct Request<P> {
    id: Option<Scalar>,
    pub(super) params: P,
}

impl<P> Request<P> {
    /// The message's number; 0 if it has none.
    pub(super) fn id(&self) -> Result<MessageId, ReadError> {
        number_of(self.id.as_ref())
    }
}

/// A message's number; 0 if it has none.
pub(super) fn number_of(id: Option<&Scalar>) -> Result<MessageId, ReadError> {
    match id {
        None => Ok(MessageId::Number(0)),
        Some(Scalar::Unsigned(number)) => Ok(MessageId::Number(*number)),
        Some(Scalar::Text(text)) if text.len() <= MAX_ID_BYTES => Ok(MessageId::Text(text.clone())),
        Some(Scalar::Text(_) | Scalar::Negative(_)) => {
            Err(malformed("id is neither a whole number nor a short text"))
        }
    }
}

/// The module of an optional field: none, null and the empty text mean the whole device.
pub(super) fn module(field: Option<String>) -> Result<Module, IdError> {
    match field {
        Some(name) if !name.is_empty() => Module::new(name),
        _ => Ok(Module::default()),
    }
}

/// A JSON object. Without it serde would also take an array as a struct, by position.
#[derive(Default)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        from.deserialize_map(Visitor(PhantomData))
    }
}

/// A whole number that some senders put in quotes, or a text. A boolean counts as 0 or 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    /// 0 and above.
    Unsigned(u64),
    /// Below 0.
    Negative(i64),
    /// In quotes.
    Text(String),
}

impl Scalar {
    /// The whole number it is, quoted or not.
    pub(super) fn number(&self) -> Option<i128> {
        match self {
            Scalar::Unsigned(number) => Some((*number).into()),
            Scalar::Negative(number) => Some((*number).into()),
            Scalar::Text(text) => text.parse().ok(),
        }
    }

    /// Its text, without quotes.
    pub(super) fn text(&self) -> String {
        match self {
            Scalar::Unsigned(number) => number.to_string(),
            Scalar::Negative(number) => number.to_string(),
            Scalar::Text(text) => text.clone(),
        }
    }

    /// The whole number from 0 that it is, quoted or not.
    pub(super) fn unsigned(&self) -> Option<u64> {
        self.number().and_then(|number| number.try_into().ok())
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or a text")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Unsigned(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar::Unsigned(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(u64::try_from(value).map_or(Scalar::Negative(value), Scalar::Unsigned))
            }

            fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(value.into()))
            }
        }

        from.deserialize_any(Visitor)
    }
}

/// `"module":"mcu"`, or nothing for the whole device.
pub(super) fn module_part(module: &Module) -> String {
    if module.is_default() { String::new() } else { format!(r#""module":"{module}""#) }
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn scalar(json: &str) -> Result<Scalar, ReadError> {
        #[derive(Deserialize)]
        struct One {
            x: Scalar,
        }
        read::<One>(format!(r#"{{"x":{json}}}"#).as_bytes()).map(|one| one.x)
    }

    #[test]
    fn numbers_are_read_with_and_without_quotes_and_never_rounded() {
        assert_eq!(scalar("18446744073709551615").unwrap().unsigned(), Some(u64::MAX));
        assert_eq!(scalar(r#""18446744073709551615""#).unwrap().unsigned(), Some(u64::MAX));
        assert_eq!(scalar(r#""18446744073709551616""#).unwrap().unsigned(), None);
        assert_eq!(scalar("-3").unwrap().number(), Some(-3));
        for text in ["18446744073709551616", "1.0", "1e400", "NaN", "-", "01", "[1]", "{}"] {
            assert!(matches!(scalar(text), Err(ReadError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn an_array_is_not_taken_for_an_object() {
        #[derive(Debug, Deserialize)]
        struct Pair {
            #[allow(dead_code)]
            a: u8,
        }
        assert!(read::<Pair>(br#"{"a":1}"#).is_ok());
        assert!(matches!(read::<Pair>(b"[1]"), Err(ReadError::Malformed(_))));
    }

    #[test]
    fn long_deep_and_non_utf8_payloads_are_refused_before_they_are_parsed() {
        let long = std::vec![b' '; MAX_PAYLOAD_BYTES + 1];
        assert!(matches!(read::<Request<Scalar>>(&long), Err(ReadError::TooLong { .. })));
        let deep = format!(r#"{{"params":{}"#, "[".repeat(60_000));
        assert!(matches!(read::<Request<Scalar>>(deep.as_bytes()), Err(ReadError::TooDeep { .. })));
        assert!(matches!(read::<Request<Scalar>>(b"{\"\xff\":1}"), Err(ReadError::Malformed(_))));
        let reason = read::<Request<Scalar>>(format!(r#"{{"params":["{}"]}}"#, "é".repeat(9000)).as_bytes());
        assert!(matches!(reason, Err(ReadError::Malformed(text)) if text.len() <= MAX_REASON_BYTES));
    }

    #[test]
    fn a_duplicate_key_is_refused() {
        let twice = br#"{"params":1,"params":2}"#;
        assert!(matches!(read::<Request<Scalar>>(twice), Err(ReadError::Malformed(_))));
    }

    #[test]
    fn braces_within_texts_do_not_nest() {
        assert_eq!(depth(r#"{"a":"{[\"{","b":[{}]}"#), 3);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read::<Request<Scalar>>(&bytes);
        }

        #[test]
        fn a_quoted_text_is_read_back(text: String) {
            let json = format!(r#"{{"x":{}}}"#, quoted(&text));
            #[derive(Deserialize)]
            struct One { x: String }
            prop_assert_eq!(read::<One>(json.as_bytes()).unwrap().x, text);
        }
    }
}
