//! Percent-encoding of exactly the eight characters of the vendor's table (onenet §3.1).

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// The characters that are encoded.
const ENCODED: &str = "+ /?%#&=";

/// Encodes the eight characters and no other.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match ENCODED.contains(c) {
            true => out.push_str(&format!("%{:02X}", u32::from(c))),
            false => out.push(c),
        }
    }
    out
}

/// Decodes every `%` and two hex digits; `+` stays `+`. None if digits are missing or the bytes are no text.
pub(super) fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_string());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => out.push((digit(bytes.next())? << 4) | digit(bytes.next())?),
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}

fn digit(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).and_then(|digit| digit.try_into().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Source: onenet §3.1, the vendor's table.
    #[test]
    fn exactly_eight_characters_are_encoded() {
        assert_eq!(encode("+ /?%#&="), "%2B%20%2F%3F%25%23%26%3D");
        let others: String = (' '..='~').filter(|c| !ENCODED.contains(*c)).collect();
        assert_eq!(encode(&others), others);
    }

    #[test]
    fn what_is_not_encoded_stays_and_half_an_escape_is_refused() {
        assert_eq!(decode("a+b=="), Some("a+b==".into()));
        assert_eq!(decode("%2f%2F"), Some("//".into()));
        for text in ["%", "%2", "a%2", "%2G", "%+2", "%FF"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text: String) {
            prop_assert_eq!(decode(&encode(&text)), Some(text));
        }

        #[test]
        fn any_text_is_decoded_without_a_panic(text in "[%0-9A-Fa-fé+]{0,20}") {
            let _ = decode(&text);
        }
    }
}
