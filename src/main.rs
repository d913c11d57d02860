//! The narthex binary.

use narthex::cli::{self, Command, Flags};
use narthex::{allocator, server, telemetry};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Command::Serve(flags)) => serve(*flags),
        Ok(Command::Check(action)) => cli::check::run(&action),
        Ok(Command::TestPromql(files)) => cli::test_promql::run(&files),
        Ok(Command::TestRules(options)) => {
            let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
            let result = cli::test_rules::test_rules(&options, &mut out, &mut err);
            match result.and_then(|good| out.flush().map(|()| good)) {
                Ok(true) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        Ok(Command::Query(request)) => cli::query::run(&request),
        Ok(Command::Promql(action)) => cli::promql::run(&action),
        Ok(Command::Rules(action)) => cli::rules::run(&action),
        Ok(Command::Tsdb(action)) => cli::tsdb::run(&action),
        Ok(Command::Print(text)) => {
            // There is nobody to tell when it cannot be printed.
            let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.code)
        }
    }
}

fn serve(flags: Flags) -> ExitCode {
    allocator::set_up();
    if let Err(error) = telemetry::log::init(&flags.log_level, &flags.log_format) {
        eprintln!("cannot start logging: {error}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start the runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(server::run(flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "Fatal error");
            ExitCode::from(error.exit_code())
        }
    }
}
