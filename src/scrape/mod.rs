//! Scraping: exposition formats, the layout cache, and what becomes of a page.

pub mod append;
mod cache;
pub mod exposition;
