//! The HTTP side: connections, one table of routes, the Prometheus API, a small page.
