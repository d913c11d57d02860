//! narthex: one binary that scrapes Prometheus targets, keeps their samples, evaluates PromQL
//! and serves the Prometheus HTTP API.
//!
//! The modules are public for the integration tests and the benchmarks; the product is the binary.
//! ARCHITECTURE.md tells which module may import which.

pub mod cli;
pub mod config;
pub mod discovery;
pub mod host;
pub mod http;
pub mod relabel;
pub mod remote;
pub mod scrape;
pub mod server;
pub mod telemetry;
pub mod web;
