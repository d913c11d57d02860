//! HTTP client, one per client configuration.
