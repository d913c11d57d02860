//! Any text as a query, and expressions made of the bytes: no panic, what an expression prints as reads back
//! as the same expression, on one line and on many, and every window settles it or says why not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_promql::syntax::{QueryWindow, prepare, pretty};
use narthex_promql::testing::generate::{Vocabulary, expression};
use narthex_promql::{ParseOptions, parse_expr};

fuzz_target!(|bytes: &[u8]| {
    // A first byte that begins no text asks for a well-typed expression.
    let text = match bytes.split_first() {
        Some((0, rest)) => expression(rest, &Vocabulary::default()),
        Some((1, rest)) => {
            expression(rest, &Vocabulary { stable_only: true, ..Vocabulary::default() })
        }
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
    };
    let expr = match parse_expr(&text, &ParseOptions::all()) {
        Ok(expr) => expr,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let printed = expr.to_string();
    for again in [printed.clone(), pretty(&expr)] {
        match parse_expr(&again, &ParseOptions::all()) {
            // As in Prometheus `Inf ^ 2` prints with a sign, which then binds to the whole power.
            Ok(_) if printed.contains("Inf") => {}
            Ok(again) => assert_eq!(again.to_string(), printed, "printing settles at once"),
            // A range below a millisecond prints as none, as in Prometheus.
            Err(error) if error.message == "duration must be greater than 0" => {}
            Err(error) => panic!("{again:?}, printed for {text:?}, does not parse: {error}"),
        }
    }
    let _ = prepare(expr, &QueryWindow { start_ms: 1000, end_ms: 61_000, step_ms: 15_000 });
});
