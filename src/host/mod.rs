//! The embedded host collector: node-exporter's names from /proc and /sys.
