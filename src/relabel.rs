//! The relabelling engine.
