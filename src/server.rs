//! Start order, reload and graceful shutdown: the only place that knows everybody.
