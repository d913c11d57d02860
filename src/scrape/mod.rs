//! Scraping: exposition formats, the layout cache, targets and their loops.

pub mod append;
pub mod attempt;
mod buffers;
mod cache;
mod detour;
pub mod exposition;
mod family;
pub mod fetch;
mod held;
pub mod manager;
mod packed;
pub mod pool;
mod reading;
mod refused;
pub mod scrape_loop;
mod segments;
mod series_labels;
mod series_table;
pub mod store;
pub mod target;
