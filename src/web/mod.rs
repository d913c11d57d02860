//! The HTTP side: connections, one table of routes, the Prometheus API, a small page.

pub mod api;
pub mod app;
pub mod encode;
pub mod json;
pub mod page;
pub mod params;
pub mod respond;
pub mod router;
pub mod serve;
pub mod time;
