//! The platform's file server: ranges, expiring links, and a gate in the middle.

use std::io::{BufRead, BufReader};

use super::*;

/// Bytes between two looks at what is to happen in the middle, if anything is.
const PIECE: usize = 16 * 1024;
const LARGE_PIECE: usize = 1024 * 1024;

/// Serves one connection until it ends.
pub(super) fn serve(shared: &Shared, wire: Box<dyn Wire>) {
    let mut wire = BufReader::new(wire);
    loop {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            if wire.read_line(&mut request).unwrap_or(0) == 0 {
                return;
            }
        }
        if request.starts_with("POST ") {
            registration::answer(shared, &request, &mut wire);
            return;
        }
        if answer(shared, &request, wire.get_mut()).is_none() {
            return;
        }
    }
}

fn answer(shared: &Shared, request: &str, wire: &mut dyn Wire) -> Option<()> {
    let path = request.split(' ').nth(1)?;
    let (file, link) = path.trim_start_matches('/').split_once("?link=")?;
    let (behind, file) = file.rsplit_once('/').map_or((None, file), |(name, file)| (Some(name), file));
    let (file, link): (usize, u32) = (file.parse().ok()?, link.parse().ok()?);
    let range = request
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned))?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let (bytes, status) = {
        let mut world = shared.world();
        let whole = match behind {
            None if file == CONFIG => Arc::clone(&world.config.as_ref()?.1),
            Some(name) => Arc::clone(&world.named(name).target.as_ref()?.files[file]),
            None => Arc::clone(&world.target.as_ref()?.files[file]),
        };
        let bytes = match world.shrunk_to.filter(|_| world.link > 1) {
            Some(len) => Arc::new(whole[..len].to_vec()),
            None => whole,
        };
        let status = if link != world.link {
            403
        } else if first >= bytes.len() as u64 {
            416
        } else {
            206
        };
        match behind {
            Some(name) => world.named(name).requests.push(first),
            None => world.requests.push(Request { file, start: first, status }),
        }
        (bytes, status)
    };
    shared.changed();
    if status != 206 {
        let total = http_range::write_unsatisfied(bytes.len() as u64);
        let more = if status == 416 { format!("Content-Range: {total}\r\n") } else { String::new() };
        let head = format!("HTTP/1.1 {status} Refused\r\n{more}Content-Length: 0\r\n\r\n");
        return wire.write_all(head.as_bytes()).ok();
    }
    let last = last.min(bytes.len() as u64 - 1);
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{last}/{}\r\nETag: \"{}\"\r\n\r\n",
        last + 1 - first,
        bytes.len(),
        sha256(&bytes),
    );
    wire.write_all(head.as_bytes()).ok()?;
    let undisturbed = {
        let world = shared.world();
        world.gate.is_none() && world.expire_after.is_none()
    };
    let piece = if undisturbed { LARGE_PIECE } else { PIECE };
    for piece in bytes[first as usize..=last as usize].chunks(piece) {
        let may_pass =
            |world: &World| file == CONFIG || world.gate.is_none_or(|gate| world.served(behind) < gate);
        shared.wait("the gate opens", may_pass);
        wire.write_all(piece).ok()?;
        wire.flush().ok()?;
        let mut world = shared.world();
        match behind {
            Some(name) => world.named(name).bytes_served += piece.len() as u64,
            None => world.bytes_served += piece.len() as u64,
        }
        let expired = world.expire_after.is_some_and(|after| world.bytes_served >= after);
        if expired {
            world.expire_after = None;
            world.link += 1;
        }
        drop(world);
        shared.changed();
        if expired {
            return None;
        }
    }
    Some(())
}
