//! Golden samples, refusals and round trips of blocks.

use std::vec;

use proptest::prelude::*;

use super::*;
use crate::MAX_BLOCK_BYTES;

/// Source: aliyun-link-sdk-v4 §3.1: what the vendor's SDK 4.2.0 sends, its comma before the brace included.
const STOCK: &str = r#"{"id":"1","version":"1.0","params":{"fileToken":"default","fileInfo":{"streamId":4101,"fileId":1,},"fileBlock":{"size":5120,"offset":0}}}"#;

/// Source: aliyun-link-sdk-v4 §3.2, the header of the whole example.
const HEADER: &str = r#"{"id":"1","code":200,"msg":"success","data":{"fileToken":"default","fileLength":9,"bSize":9,"bOffset":0}}"#;

fn request() -> BlockRequest {
    BlockRequest { stream: 4101, file: 1, offset: 0, len: 5120, token: None }
}

fn block() -> Block {
    Block { token: None, file_size: 9, offset: 0, bytes: b"123456789".to_vec() }
}

fn id() -> MessageId {
    MessageId::Text("1".into())
}

#[test]
fn the_stock_sdks_request_is_read_although_it_is_not_json() {
    assert!(json::read::<Request<Object<Params>>>(STOCK.as_bytes()).is_err());
    assert_eq!(read_request(STOCK.as_bytes()), Ok((id(), Report::Block(request()))));
}

#[test]
fn our_request_is_the_stock_sdks_made_valid() {
    assert_eq!(write_request(1, &request()), STOCK.replace(",}", "}"));
    assert!(json::read::<Request<Object<Params>>>(write_request(1, &request()).as_bytes()).is_ok());
}

/// Source: aliyun-link-sdk-v4 §3.1: clients that omit the protocol version or the token, numbers in quotes.
#[test]
fn requests_of_other_clients_are_read() {
    for text in [
        r#"{"id":"1","params":{"fileInfo":{"streamId":4101,"fileId":1},"fileBlock":{"size":5120,"offset":0}}}"#,
        r#" {"id":"1", "params":{"fileToken":"","fileInfo":{"streamId":"4101","fileId":"1" , },"fileBlock":{"size":5120,"offset":0,},},} "#,
    ] {
        assert_eq!(read_request(text.as_bytes()), Ok((id(), Report::Block(request()))), "{text}");
    }
}

#[test]
fn a_comma_within_a_text_stays() {
    let token = r#"a,}",]\"#;
    let odd = BlockRequest { token: Some(token.into()), ..request() };
    assert_eq!(read_request(write_request(1, &odd).as_bytes()), Ok((id(), Report::Block(odd))));
}

#[test]
fn a_request_out_of_bounds_is_refused_with_its_reason() {
    for (from, to, want) in [
        ("5120", "0", BlockError::Size { len: 0 }),
        ("5120", "65537", BlockError::Size { len: 65_537 }),
        ("5120", "18446744073709551615", BlockError::Size { len: u64::MAX }),
        ("5120", "-1", BlockError::Field { field: "size" }),
        ("4101", "null", BlockError::Field { field: "streamId" }),
        (r#""fileId":1"#, r#""fileId":4294967296"#, BlockError::Field { field: "fileId" }),
        (r#""offset":0"#, r#""x":0"#, BlockError::Field { field: "offset" }),
    ] {
        let text = STOCK.replace(from, to);
        assert_eq!(read_request(text.as_bytes()), Err(want.into()), "{text}");
    }
    assert!(read_request(STOCK.replace("5120", "65536").as_bytes()).is_ok());
    for text in ["", ",", ",}", "{,}", r#"{"params":{}}"#] {
        assert!(matches!(read_request(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
    }
}

/// Source: aliyun-link-sdk-v4 §3.2, the whole example of 118 bytes; `123456789` has checksum 0xBB3D.
#[test]
fn a_reply_is_written_and_read_as_the_sheet_has_it() {
    let golden = [&[0, 0x69], HEADER.as_bytes(), b"123456789", &[0x3d, 0xbb]].concat();
    assert_eq!(golden.len(), 118);
    assert_eq!(write_reply(&id(), &block()), Ok(golden.clone()));
    assert_eq!(read_reply(&golden), Ok(Downlink::Block(block())));
}

#[test]
fn a_reply_of_the_wrong_length_is_refused() {
    let whole = write_reply(&id(), &block()).unwrap();
    for end in 0..whole.len() {
        let read = read_reply(&whole[..end]);
        assert!(
            matches!(read, Err(ReadError::Block(BlockError::Length { found, .. })) if found == end),
            "{end}"
        );
    }
    let long = [whole.as_slice(), &[0]].concat();
    assert_eq!(read_reply(&long), Err(BlockError::Length { want: 118, found: 119 }.into()));
}

#[test]
fn a_changed_byte_or_checksum_is_refused() {
    let whole = write_reply(&id(), &block()).unwrap();
    for at in whole.len() - 11..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            assert!(matches!(read_reply(&changed), Err(ReadError::Block(BlockError::Crc { .. }))), "{at}");
        }
    }
}

#[test]
fn a_reply_without_a_field_or_past_the_file_is_refused() {
    for field in ["fileLength", "bSize", "bOffset"] {
        let payload = frame(&HEADER.replace(field, "x"), b"123456789");
        assert_eq!(read_reply(&payload), Err(BlockError::Field { field }.into()));
    }
    assert!(
        read_reply(&frame(&HEADER.replace("fileToken", "x"), b"123456789")).is_ok(),
        "the token is optional"
    );
    let past = HEADER.replace(r#""bOffset":0"#, r#""bOffset":1"#);
    let want = BlockError::PastEnd { offset: 1, len: 9, file_size: 9 };
    assert_eq!(read_reply(&frame(&past, b"123456789")), Err(want.into()));
    let far = HEADER.replace(r#""bOffset":0"#, r#""bOffset":18446744073709551615"#);
    let refused = read_reply(&frame(&far, b"123456789"));
    assert!(matches!(refused, Err(ReadError::Block(BlockError::PastEnd { .. }))));
    let huge = HEADER.replace(r#""bSize":9"#, r#""bSize":65537"#);
    assert_eq!(read_reply(&frame(&huge, b"")), Err(BlockError::Size { len: 65_537 }.into()));
}

#[test]
fn a_refusal_is_told_with_its_code_and_reason() {
    let refusal = write_refusal(&id(), &request(), "no such stream");
    let want = BlockError::Refused { code: 400, reason: "no such stream".into() };
    assert_eq!(read_reply(&refusal), Err(want.into()));
    let large = frame(r#"{"id":"1","code":"520","msg":null}"#, &[]);
    assert_eq!(read_reply(&large), Err(BlockError::Refused { code: 520, reason: "".into() }.into()));
}

#[test]
fn a_block_that_may_not_be_sent_is_not_written() {
    for (block, want) in [
        (Block { bytes: vec![], ..block() }, BlockError::Size { len: 0 }),
        (
            Block { bytes: vec![0; MAX_BLOCK_BYTES + 1], file_size: u64::MAX, ..block() },
            BlockError::Size { len: 65_537 },
        ),
        (Block { offset: 1, ..block() }, BlockError::PastEnd { offset: 1, len: 9, file_size: 9 }),
    ] {
        assert_eq!(write_reply(&id(), &block), Err(want));
    }
}

proptest! {
    #[test]
    fn every_request_comes_back_from_the_wire_as_it_went_in(
        number: u32, stream: u64, file: u32, offset: u64, len in 1..=MAX_BLOCK_BYTES as u32, token in proptest::option::of("[^\u{0}]{1,31}"),
    ) {
        prop_assume!(token.as_deref() != Some(NO_TOKEN));
        let request = BlockRequest { stream, file, offset, len, token };
        let id = MessageId::Text(number.to_string());
        prop_assert_eq!(read_request(write_request(number, &request).as_bytes()), Ok((id, Report::Block(request))));
    }

    #[test]
    fn every_block_comes_back_from_the_wire_as_it_went_in(
        offset in 0..u64::from(u32::MAX), more in 0..1_000_u64, bytes in proptest::collection::vec(any::<u8>(), 1..600), number: u64,
    ) {
        let block = Block { token: Some("7-1".into()), file_size: offset + bytes.len() as u64 + more, offset, bytes };
        let payload = write_reply(&MessageId::Number(number), &block).unwrap();
        prop_assert_eq!(read_reply(&payload), Ok(Downlink::Block(block)));
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
        let _ = (read_request(&bytes), read_reply(&bytes));
        let mut damaged = write_reply(&id(), &block()).unwrap();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        if let Ok(Downlink::Block(block)) = read_reply(&damaged) {
            prop_assert_eq!(block.check(), Ok(()));
        }
        let mut damaged = STOCK.as_bytes().to_vec();
        damaged[at] = byte;
        let _ = read_request(&damaged);
    }
}
