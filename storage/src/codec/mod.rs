//! How samples are written: variable-length integers, frames of samples, timestamp columns and the open
//! cells of the head.
//!
//! Every decoder takes untrusted bytes: counts are checked against what is left before memory is taken.

pub mod bits;
pub mod cell;
mod decimal;
mod decimal_v1;
pub mod frame;
pub mod histogram;
mod integers;
pub(crate) mod rows;
pub mod start;
pub mod timestamp;
pub mod value;
pub mod varint;

/// Bytes that no encoder of ours wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(pub &'static str);
