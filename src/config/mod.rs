//! Configuration: load, defaults, validation.
