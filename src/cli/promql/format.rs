//! `narthex promql format`: an expression as Prometheus prints it.

use super::args::FormatOptions;
use super::{parsed, source};
use std::io::Write;
use std::process::ExitCode;

/// Prints the expression; the exit code is 1 when it is none.
pub(super) fn run(options: &FormatOptions) -> ExitCode {
    match source(&options.expr).and_then(|text| parsed(&text)) {
        Ok(expr) => {
            let text = if options.flat { expr.to_string() } else { narthex_promql::syntax::pretty(&expr) };
            // Whoever reads has gone when it cannot be written.
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
