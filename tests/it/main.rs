//! Drives the real binary from outside: real files, real sockets, real peers.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by failing

mod harness;

mod admin;
mod api;
mod cardinality;
mod cli;
mod crash;
mod damage;
mod dashboards;
mod differential;
mod discovery;
mod exemplars;
mod faults_alerts;
mod faults_targets;
mod host;
mod hostile;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod notify;
mod peer;
mod promql_tools;
mod promtool_jobs;
mod queries;
mod query_client;
mod reload;
mod retention;
mod rules;
mod rules_peer;
mod scrape;
mod secrets;
mod self_metrics;
mod self_metrics_list;
mod side_by_side;
mod starting;
mod tsdb;
mod ui_endpoints;
mod web_config;
mod web_ui;
mod write;
