//! One line per event: logfmt or JSON, with the fields of Prometheus's own log.

use std::fmt::{self, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts logging to standard error. `level` and `format` are checked by the command line.
///
/// # Errors
/// Logging runs already.
pub fn init(level: &str, format: &str) -> Result<(), String> {
    let level = match level {
        "debug" => Level::DEBUG,
        "warn" => Level::WARN,
        "error" => Level::ERROR,
        _ => Level::INFO,
    };
    // Libraries have their say only when something is wrong.
    let filter = format!("warn,narthex={level},narthex_storage={level},narthex_promql={level}");
    let filter = tracing_subscriber::EnvFilter::new(filter);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .event_format(Lines { json: format == "json" })
        .try_init()
        .map_err(|e| e.to_string())
}

struct Lines {
    json: bool,
}

/// The fields of an event as texts, in order.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            name => self.others.push((name, text)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.others.push((name, value.to_owned())),
        }
    }
}

fn logfmt(out: &mut String, key: &str, value: &str) {
    let plain = !value.is_empty() && value.chars().all(|c| c > ' ' && c != '"' && c != '=' && c != '\\');
    // Writing into a String cannot fail.
    let _ = if plain {
        write!(out, " {key}={value}")
    } else {
        write!(out, " {key}={}", narthex_storage::labels::quote(value))
    };
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let meta = event.metadata();
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let file = meta.file().map_or("", |f| f.rsplit_once("src/").map_or(f, |(_, file)| file));
        let source = format!("{file}:{}", meta.line().unwrap_or(0));
        let level = meta.level().to_string();
        if self.json {
            let mut map = serde_json::Map::new();
            let head = [("time", time), ("level", level), ("source", source), ("msg", fields.message)];
            for (key, value) in head.into_iter().chain(fields.others) {
                map.insert(key.to_owned(), value.into());
            }
            return writeln!(writer, "{}", serde_json::Value::Object(map));
        }
        let mut line = format!("time={time} level={level} source={source}");
        let _ = write!(line, " msg={}", narthex_storage::labels::quote(&fields.message));
        fields.others.iter().for_each(|(key, value)| logfmt(&mut line, key, value));
        writeln!(writer, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::logfmt;

    #[test]
    fn values_are_quoted_where_they_have_to_be() {
        let mut out = String::new();
        for (key, value) in [("a", "1"), ("b", "x y"), ("c", ""), ("d", "q\"=\n")] {
            logfmt(&mut out, key, value);
        }
        assert_eq!(out, " a=1 b=\"x y\" c=\"\" d=\"q\\\"=\\n\"");
    }
}
