//! Pure kernels: slices in, value out.

pub(crate) mod dates;
pub(crate) mod histogram;
pub(crate) mod input;
pub(crate) mod math;
pub(crate) mod range;
pub(crate) mod smoothing;
pub(crate) mod stats;
