//! Logs and the metrics that narthex exposes of itself.
