//! What the fuzz targets of files on disk share: valid directories in memory, changes of their files that keep the
//! checksums right, and a look at everything that a database then shows.
//!
//! No file is touched: the bytes lie on the simulated disk of the crash-consistency suite.

pub mod base;
pub mod edit;
pub mod look;
pub mod prometheus;
pub mod seal;
