//! TLS on the loop: the connection's thread only moves bytes.

use std::io::{Read, Write};

use rustls::ClientConnection;

/// Encrypts `plain` and sends it, with whatever else TLS has to say.
///
/// # Errors
/// The stream's.
pub fn encrypt(tls: &mut ClientConnection, plain: &[u8], stream: &mut impl Write) -> std::io::Result<()> {
    tls.writer().write_all(plain)?;
    while tls.wants_write() {
        tls.write_tls(stream)?;
    }
    Ok(())
}

/// Gives what `bytes` decrypt to to `received`, piece by piece.
///
/// # Errors
/// A reason for people; after one the connection is of no use.
pub fn decrypt(
    tls: &mut ClientConnection,
    mut bytes: &[u8],
    mut received: impl FnMut(&[u8]),
) -> Result<(), String> {
    let mut plain = [0; 4096];
    while !bytes.is_empty() {
        let taken = tls.read_tls(&mut bytes).map_err(|error| format!("TLS failed: {error}"))?;
        if taken == 0 {
            // After its good-bye nothing is taken any more, however long more bytes come.
            return Err("the platform ended TLS".to_owned());
        }
        let state = tls.process_new_packets().map_err(|error| match error {
            rustls::Error::InvalidCertificate(_) => format!("the platform is not trusted: {error}"),
            error => format!("TLS failed: {error}"),
        })?;
        let mut left = state.plaintext_bytes_to_read();
        while left > 0 {
            let len = tls.reader().read(&mut plain).map_err(|error| format!("TLS failed: {error}"))?;
            received(plain.get(..len).unwrap_or_default());
            left = left.saturating_sub(len.max(1));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustls::ServerConnection;

    use super::*;
    use crate::{
        certificates::{Vouched, vouched},
        tls::Trust,
    };

    /// A device and its platform after their handshake.
    fn pair() -> (ClientConnection, ServerConnection) {
        let Vouched { ca_pem, config } = vouched();
        let trust = Trust::read(ca_pem.as_bytes()).unwrap();
        let name = "localhost".try_into().unwrap();
        let mut device = ClientConnection::new(trust.client_config().unwrap(), name).unwrap();
        let mut platform = ServerConnection::new(config).unwrap();
        while device.is_handshaking() || platform.is_handshaking() {
            let mut sent = Vec::new();
            encrypt(&mut device, b"", &mut sent).unwrap();
            let mut unread = &sent[..];
            while !unread.is_empty() {
                platform.read_tls(&mut unread).unwrap();
                platform.process_new_packets().unwrap();
            }
            decrypt(&mut device, &said(&mut platform), |_| {}).unwrap();
        }
        (device, platform)
    }

    fn said(platform: &mut ServerConnection) -> Vec<u8> {
        let mut bytes = Vec::new();
        while platform.wants_write() {
            platform.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    #[test]
    fn what_the_platform_says_comes_out_whole_and_in_order() {
        let (mut device, mut platform) = pair();
        let words: Vec<u8> = (0..50_000_u32).map(|at| at as u8).collect();
        platform.writer().write_all(&words).unwrap();
        let mut heard = Vec::new();
        decrypt(&mut device, &said(&mut platform), |plain| heard.extend_from_slice(plain)).unwrap();
        assert_eq!(heard, words);
    }

    #[test]
    fn bytes_after_the_platforms_good_bye_end_the_connection_and_hold_nobody_up() {
        let (mut device, mut platform) = pair();
        platform.send_close_notify();
        let mut bytes = said(&mut platform);
        bytes.extend_from_slice(&[0x17, 3, 3, 0, 1, 0]);
        decrypt(&mut device, &bytes, |_| {}).unwrap();
        let error = decrypt(&mut device, b"and more", |_| {}).unwrap_err();
        assert!(error.contains("ended TLS"), "{error}");
    }

    #[test]
    fn bytes_that_are_no_tls_are_an_error() {
        let (mut device, _) = pair();
        assert!(decrypt(&mut device, b"GET / HTTP/1.1\r\n\r\n", |_| {}).unwrap_err().contains("TLS failed"));
    }
}
