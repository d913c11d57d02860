//! `narthex query`: asks a Prometheus-compatible server and shows the answer.
//!
//! The answer goes to standard output; what the server remarks about it, and faults, to standard error.

pub mod answer;
pub mod args;
mod csv;
mod graph;
mod labels;
mod scale;
pub mod server;
pub mod table;
mod text;
pub mod time;

use super::terminal::{Terminal, printable};
use answer::{Data, Envelope, Metric, Range};
use args::{Format, Question, Request};
use graph::Window;
use narthex_promql::lint::MetricKind;
pub use scale::Scale;
use server::{QueryError, Reply, Server};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use time::seconds;

/// Asks and prints. The exit code is 1 when there is no answer.
#[must_use]
pub fn run(request: &Request) -> ExitCode {
    let terminal = Terminal::stdout();
    finish(block_on(async {
        let server = Server::new(&request.access)?;
        let reply = ask(&server, &request.question).await?;
        let envelope = reply.open(expression(&request.question))?;
        remarks(&envelope);
        let shown = print(request, &reply, &envelope, terminal)?;
        Ok(shown)
    }))
}

/// Runs one exchange to its end.
///
/// # Errors
/// Those of the exchange, and that no runtime can be had.
pub fn block_on<T>(exchange: impl Future<Output = Result<T, QueryError>>) -> Result<T, QueryError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| QueryError::Broken(error.to_string()))?.block_on(exchange)
}

/// The exit code of what was shown, after telling a fault.
pub fn finish(shown: Result<io::Result<()>, QueryError>) -> ExitCode {
    match shown {
        Ok(Ok(())) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("error: cannot write the answer: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells on standard error what is worth knowing.
pub fn remark(level: &str, text: &str) {
    eprintln!("{level}: {}", printable(text));
}

fn remarks(envelope: &Envelope<'_>) {
    envelope.warnings.iter().for_each(|text| remark("warning", text));
    envelope.infos.iter().for_each(|text| remark("info", text));
}

fn expression(question: &Question) -> &str {
    match question {
        Question::Instant { expr, .. } | Question::Range { expr, .. } => expr,
        Question::Series { .. } | Question::Labels { .. } => "",
    }
}

async fn ask(server: &Server, question: &Question) -> Result<Reply, QueryError> {
    let bounded = |matches: &[String], (start, end): (Option<i64>, Option<i64>)| {
        let selectors = matches.iter().map(|text| ("match[]", text.clone()));
        let times = [("start", start), ("end", end)];
        let times = times.into_iter().filter_map(|(name, ms)| ms.map(|ms| (name, seconds(ms))));
        selectors.chain(times).collect::<Vec<_>>()
    };
    match question {
        Question::Instant { expr, time_ms } => {
            server.ask("query", &[("query", expr.clone()), ("time", seconds(*time_ms))]).await
        }
        Question::Range { expr, window } => {
            let parameters = [
                ("query", expr.clone()),
                ("start", seconds(window.start_ms)),
                ("end", seconds(window.end_ms)),
                ("step", seconds(window.step_ms)),
            ];
            server.ask("query_range", &parameters).await
        }
        Question::Series { matches, bounds } => server.ask("series", &bounded(matches, *bounds)).await,
        Question::Labels { name: None, matches, bounds } => {
            server.ask("labels", &bounded(matches, *bounds)).await
        }
        Question::Labels { name: Some(name), matches, bounds } => {
            let path = format!("label/{}/values", escaped_label(name));
            server.ask(&path, &bounded(matches, *bounds)).await
        }
    }
}

/// A label's name as a path takes it: other names than plain ones in the `U__` form.
fn escaped_label(name: &str) -> String {
    if narthex_storage::labels::is_plain_name(name) {
        return name.to_owned();
    }
    let mut out = String::from("U__");
    for c in name.chars() {
        match c {
            '_' => out.push_str("__"),
            c if c.is_ascii_alphanumeric() => out.push(c),
            c => out.push_str(&format!("_{:x}_", u32::from(c))),
        }
    }
    out
}

fn print(
    request: &Request,
    reply: &Reply,
    envelope: &Envelope<'_>,
    terminal: Terminal,
) -> Result<io::Result<()>, QueryError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = if request.format == Format::Json {
        writeln!(out, "{}", envelope.data.map_or("null", |data| data.get()))
    } else {
        match &request.question {
            Question::Instant { expr, time_ms } => {
                let window = Window { start_ms: *time_ms, end_ms: *time_ms, step_ms: 1 };
                values(request, &reply.read(envelope)?, expr, window, terminal, &mut out)
            }
            Question::Range { expr, window } => {
                values(request, &reply.read(envelope)?, expr, *window, terminal, &mut out)
            }
            Question::Series { .. } => {
                let series: Vec<Metric> = reply.read(envelope)?;
                match request.format {
                    Format::Csv => csv::write_series(&series, &mut out),
                    _ => text::write_series(&series, terminal, &mut out),
                }
            }
            Question::Labels { name, .. } => {
                let items: Vec<String> = reply.read(envelope)?;
                match request.format {
                    Format::Csv => csv::write_list(name.as_deref().unwrap_or("label"), &items, &mut out),
                    _ => items.iter().try_for_each(|item| writeln!(out, "{}", printable(item))),
                }
            }
        }
    };
    Ok(written.and_then(|()| out.flush()))
}

fn values(
    request: &Request,
    data: &Data,
    expr: &str,
    window: Window,
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    match request.format {
        Format::Csv => csv::write(data, out),
        Format::Graph => {
            // An instant query of a range selector has samples, and no window of its own.
            let window = match data {
                Data::Matrix(series) if window.start_ms == window.end_ms => spanned(series, window),
                _ => window,
            };
            graph::write(data, window, request.scale.unwrap_or_else(|| guessed(expr)), terminal, out)
        }
        Format::Table | Format::Json => text::write(data, terminal, out),
    }
}

/// The window from the first sample to the last.
fn spanned(series: &[Range], window: Window) -> Window {
    let times = || {
        let samples =
            series.iter().flat_map(|s| s.values.iter().map(|p| p.0).chain(s.histograms.iter().map(|p| p.0)));
        samples.map(answer::millis)
    };
    let start_ms = times().min().unwrap_or(window.start_ms);
    let end_ms = times().max().unwrap_or(window.end_ms);
    Window { start_ms, end_ms, step_ms: end_ms.saturating_sub(start_ms) }
}

/// Prefixes by the names of the metrics: powers of 1024 where all are bytes.
fn guessed(expr: &str) -> Scale {
    let words = expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let metrics: Vec<&str> = words.filter(|word| word.contains('_') && !word.starts_with("__")).collect();
    let bytes = |name: &&str| name.split(['_', ':']).any(|part| part == "bytes");
    let functions = |name: &&&str| narthex_promql::syntax::functions::find(name).is_none();
    let mut named = metrics.iter().filter(functions).peekable();
    if named.peek().is_some() && named.all(bytes) { Scale::Iec } else { Scale::Si }
}

/// Types of metrics as a server's metadata give them, by metric.
///
/// # Errors
/// No answer.
pub fn metadata(access: &server::Access) -> Result<BTreeMap<String, MetricKind>, QueryError> {
    #[derive(serde::Deserialize)]
    struct Entry {
        r#type: String,
    }
    block_on(async {
        let server = Server::new(access)?;
        let reply = server.ask("metadata", &[]).await?;
        let envelope = reply.open("")?;
        let entries: BTreeMap<String, Vec<Entry>> = reply.read(&envelope)?;
        // Targets may differ; then nothing is known.
        let kind = |entries: &[Entry]| {
            let first = entries.first()?;
            entries.iter().all(|e| e.r#type == first.r#type).then(|| MetricKind::named(&first.r#type))
        };
        Ok(entries.into_iter().filter_map(|(name, e)| kind(&e).map(|kind| (name, kind))).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_powers_of_1024() {
        for (expr, want) in [
            ("node_memory_MemFree_bytes", Scale::Iec),
            ("sum by (job) (rate(node_network_receive_bytes_total[5m]))", Scale::Iec),
            ("avg_over_time(process_resident_memory_bytes[1h])", Scale::Iec),
            ("rate(http_requests_total[5m])", Scale::Si),
            ("a_bytes / b_seconds", Scale::Si),
            ("up", Scale::Si),
        ] {
            assert_eq!(guessed(expr), want, "{expr}");
        }
    }

    #[test]
    fn names_of_labels_fit_into_a_path() {
        assert_eq!(escaped_label("job"), "job");
        assert_eq!(escaped_label("service.name_x"), "U__service_2e_name__x");
        assert_eq!(escaped_label("a/b"), "U__a_2f_b");
    }
}
