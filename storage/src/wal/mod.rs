//! The write-ahead log: records in numbered segments.
//!
//! Invariant: a sample is in the kernel's hands (one `write`) before any query can see it, so that a
//! killed process loses nothing that it had shown. `fdatasync` follows by policy.

pub(crate) mod exemplars;
pub mod reader;
pub mod record;
pub(crate) mod runs;
pub(crate) mod settled;
pub mod writer;

pub use writer::{Wal, WalSync};
