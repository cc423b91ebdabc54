//! Stdin as a lifeline: it closes when the parent ends, however it ends.

use std::io::{self, Read};

/// Returns when stdin has come to its end; what is read from it means nothing.
pub(crate) fn wait_for_close() {
    let mut stdin = io::stdin().lock();
    let mut scrap = [0; 256];
    loop {
        match stdin.read(&mut scrap) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
