//! Any bytes as a frame of downsampled samples: no panic, and either an error or exactly as many samples, each with what
//! it stands for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_storage::Columns;
use narthex_storage::codec::frame;

/// Tag of such a frame.
const ROWS: u8 = 6;

fuzz_target!(|input: (u8, u8, u8, &[u8])| {
    let (count, from, to, bytes) = input;
    let count = usize::from(count);
    let to = usize::from(to).min(count);
    let rows = usize::from(from).min(to)..to;
    let framed = [&[ROWS], bytes].concat();
    let mut all = Columns::default();
    let whole = frame::decode_all(&mut &*framed, count, rows.clone(), &mut all);
    if whole.is_ok() {
        assert_eq!(all.values.len(), rows.len());
        assert!(all.starts.is_empty() || all.starts.len() == rows.len());
        for at in 0..rows.len() {
            assert!(all.rows.resolution(at) > 0);
            let _ = all.rows.count(at);
        }
        assert_eq!(all.rows.resolution(rows.len()), 0);
    }
    // Whoever wants less gets the same values.
    let mut last = Columns::default();
    if frame::decode(&mut &*framed, count, rows, &mut last).is_ok() && whole.is_ok() {
        let bits = |columns: &Columns| columns.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!((bits(&last), last.starts), (bits(&all), all.starts));
    }
});
