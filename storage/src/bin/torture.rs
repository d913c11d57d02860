//! Tortures the storage engine for as long as one likes.
fn main() {}
