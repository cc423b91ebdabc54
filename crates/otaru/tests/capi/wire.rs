//! A line to the platform that can be cut.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A way to the platform that can be cut.
pub(crate) struct Wire {
    pub(crate) port: String,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    pub(crate) fn to(platform: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let ends = Arc::new(Mutex::new(Vec::new()));
        let (platform, known) = (platform.to_owned(), ends.clone());
        thread::spawn(move || {
            for device in listener.incoming() {
                let (device, platform) = (device.unwrap(), TcpStream::connect(&platform).unwrap());
                for (from, to) in [(&device, &platform), (&platform, &device)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    known.lock().unwrap().push(from.try_clone().unwrap());
                    thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { port, ends }
    }

    pub(crate) fn cut(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
