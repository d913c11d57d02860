//! The HTTP client of everything that this server asks for: credentials, TLS, redirects.

pub mod client;
pub mod tls;

pub use client::{HttpClient, HttpError};
