//! The HTTP side: connections, one table of routes, the Prometheus API, a small page.

pub mod api;
pub mod app;
mod batch;
pub mod body;
pub mod encode;
pub mod front;
pub mod guard;
mod input;
pub mod json;
pub mod notifications;
pub mod origin;
pub mod page;
pub mod params;
pub mod respond;
pub mod router;
pub mod run;
pub mod san;
pub mod serve;
pub mod stream;
pub mod time;
pub mod tls;
pub mod ui;
mod ui_dir;
