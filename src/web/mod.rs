//! HTTP server and the Prometheus API.
