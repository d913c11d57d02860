//! The HTTP client of everything that this server asks for: credentials, tokens, TLS, proxies, redirects.

pub mod client;
pub mod connect;
pub mod jwt;
pub mod kept;
pub mod oauth2;
#[cfg(test)]
pub(crate) mod testing;
pub mod tls;

pub use client::{HttpClient, HttpError};
