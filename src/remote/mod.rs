//! Remote protocols: what other servers push to this one.

pub mod receive;
pub mod wire;
