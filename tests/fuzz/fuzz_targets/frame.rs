//! Any bytes as a frame of samples: no panic, and either an error or exactly as many samples as were asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_storage::Columns;
use narthex_storage::codec::frame;

fuzz_target!(|input: (u16, u16, u16, &[u8])| {
    let (count, from, to, bytes) = input;
    let count = usize::from(count % 513);
    let to = usize::from(to).min(count);
    let rows = usize::from(from).min(to)..to;
    let mut columns = Columns::default();
    if frame::decode(&mut &*bytes, count, rows.clone(), &mut columns).is_ok() {
        assert_eq!(columns.values.len(), rows.len());
        assert!(columns.starts.is_empty() || columns.starts.len() == rows.len());
        for (at, histogram) in &columns.histograms {
            assert!((*at as usize) < rows.len());
            for side in [&histogram.positive, &histogram.negative] {
                assert_eq!(side.indices.len(), side.counts.len());
                assert!(side.indices.is_sorted_by(|a, b| a < b));
            }
        }
    }
});
