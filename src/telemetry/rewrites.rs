//! What retention rules have done: `narthex_storage_downsampled_…` and `narthex_storage_rewrit…`.

use super::metrics::Page;
use narthex_storage::DbStats;

pub(super) fn render(page: &mut Page, stats: &DbStats) {
    for (name, kind, help, value) in [
        (
            "narthex_storage_downsampled_blocks",
            "gauge",
            "Blocks that have downsampled samples.",
            stats.downsampled_blocks as f64,
        ),
        (
            "narthex_storage_downsampled_series",
            "gauge",
            "Series with downsampled samples, counted in each block that has them.",
            stats.downsampled_series as f64,
        ),
        (
            "narthex_storage_series_downsampled_total",
            "counter",
            "Total number of series that were downsampled, counted for each block.",
            stats.series_downsampled as f64,
        ),
        (
            "narthex_storage_blocks_rewritten_total",
            "counter",
            "Total number of blocks that retention rules had written again.",
            stats.blocks_rewritten as f64,
        ),
        (
            "narthex_storage_rewrite_seconds_total",
            "counter",
            "Time spent on writing blocks again for retention rules.",
            stats.rewrite_seconds,
        ),
    ] {
        page.single(name, kind, help, value);
    }
}
