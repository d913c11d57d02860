//! `narthex check …`: files and servers, looked at as promtool looks at them.

pub mod args;
mod metrics;
mod promlint;
pub mod rules;
mod service_discovery;
mod status;

use super::check_config::check_config;
use super::check_web_config::check_web_config;
use args::Action;
use std::io::{self, Read, Write};
use std::process::ExitCode;

/// Largest page of metrics, and largest rule file, that is read from standard input, bytes.
const INPUT_MAX: u64 = 256 << 20;

/// What a check came to, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All is well.
    Good,
    /// It can be used, and something about it is questionable.
    Questionable,
    /// It cannot be used.
    Bad,
}

/// Runs a check; the exit code is promtool's: 1 for what is bad, 3 for lint that counts.
#[must_use]
pub fn run(action: &Action) -> ExitCode {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let code = match action {
        Action::Config { files, options } => {
            code(check_config(files, options, &mut out, &mut err), options.lint.fatal)
        }
        Action::WebConfig(files) => code(check_web_config(files, &mut err), false),
        Action::Rules { files, options } => {
            code(rules::check_rules(files, options, &mut out, &mut err), options.lint.fatal)
        }
        Action::Metrics(options) => {
            code(standard_input().and_then(|page| metrics::check(&page, *options, &mut out, &mut err)), true)
        }
        Action::Discovery(request) => code(service_discovery::check(request, &mut out, &mut err), false),
        Action::Status(request) => code(status::check(request, &mut err), false),
    };
    // There is nobody to tell when it cannot be printed.
    let _ = out.flush();
    ExitCode::from(code)
}

fn code(verdict: io::Result<Verdict>, lint_counts: bool) -> u8 {
    match verdict {
        Ok(Verdict::Good) => 0,
        Ok(Verdict::Questionable) => {
            if lint_counts {
                3
            } else {
                0
            }
        }
        Ok(Verdict::Bad) => 1,
        Err(error) => {
            eprintln!("error: {error}");
            1
        }
    }
}

/// All of standard input, up to a limit.
fn standard_input() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(INPUT_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > INPUT_MAX {
        return Err(io::Error::other(format!("standard input is larger than {INPUT_MAX} bytes")));
    }
    Ok(bytes)
}
