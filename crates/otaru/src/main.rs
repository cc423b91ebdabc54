//! otaru: both ends of over-the-air updates.
fn main() {}
