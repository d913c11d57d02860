//! Any bytes as a page, in both formats: no panic, progress at every line, faults inside the page, and
//! labels for every series that a cursor accepts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex::scrape::exposition::{Entry, Exposition, Format, parse_labels, unescape_help};

fuzz_target!(|body: &[u8]| {
    for format in [Format::Text, Format::OpenMetrics] {
        let page = Exposition::new(body, format);
        let mut at = 0;
        loop {
            match page.entry(at) {
                Ok((Entry::End, _)) => break,
                Ok((entry, next)) => {
                    assert!(next > at && next <= body.len(), "the cursor moves on and stays inside");
                    at = next;
                    match entry {
                        Entry::Series(sample) => {
                            let mut pairs = 0usize;
                            parse_labels(sample.series, |_, _| pairs += 1);
                            // One pair takes two bytes at least, but for the name of a lone letter.
                            assert!(pairs <= sample.series.len(), "no labels out of nothing");
                        }
                        Entry::Help { text, .. } => assert!(unescape_help(text).len() <= text.len() * 3),
                        _ => {}
                    }
                }
                Err(error) => {
                    assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
                    assert!(error.line <= body.iter().filter(|b| **b == b'\n').count() + 1);
                    break;
                }
            }
        }
    }
});
