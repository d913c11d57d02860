//! Remote protocols: what other servers push to this one.

pub mod histogram;
pub mod receive;
pub mod series;
pub mod wire;
