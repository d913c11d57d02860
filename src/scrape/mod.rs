//! Scraping: exposition parsing, targets, pools, loops.
