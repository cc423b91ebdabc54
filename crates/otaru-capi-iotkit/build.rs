//! Compiles the port, and has the shared library give its functions too.

use std::{env, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=hal");
    println!("cargo:rerun-if-changed=include");
    cc::Build::new()
        .file("hal/hal.c")
        .include("include")
        .std("c99")
        .define("_DEFAULT_SOURCE", None)
        .warnings(true)
        .extra_warnings(true)
        // All of it: an archive's members are else left out where nobody asks for them yet.
        .link_lib_modifier("+whole-archive")
        .compile("otaru_iotkit_hal");
    // rustc's own list of what a shared library gives names Rust functions only. LLD, its linker on this platform, joins
    // a second list to it; GNU ld refuses two.
    if env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        let names = Path::new(&folder).join("hal/names.map");
        println!("cargo:rustc-cdylib-link-arg=-Wl,--version-script={}", names.display());
    }
}
