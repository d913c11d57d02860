//! Integration tests: they drive the real binary from outside.
