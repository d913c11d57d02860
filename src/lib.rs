//! narthex: one binary that scrapes Prometheus targets, keeps their samples, evaluates PromQL
//! and serves the Prometheus HTTP API.
//!
//! The modules are public for the integration tests and the benchmarks; the product is the binary.
//! ARCHITECTURE.md tells which module may import which.

/// The release of Prometheus whose behaviour this server has.
pub const PROMETHEUS_VERSION: &str = "3.14.0";
/// What this server calls itself when it asks others: exporters know the name and serve it accordingly.
pub const USER_AGENT: &str = "Prometheus/3.14.0";

pub mod allocator;
pub mod cli;
pub mod config;
pub mod discovery;
pub mod host;
pub mod http;
pub mod notify;
pub mod operator;
pub mod query;
pub mod relabel;
pub mod remote;
pub mod rules;
pub mod scrape;
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod template;
pub mod web;
