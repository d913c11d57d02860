//! Asks a server to try rules on its history.

use super::args::BacktestOptions;
use super::backtest::{Found, warn_of_limit};
use super::{Fault, load};
use crate::cli::query::server::{Access, Server};
use crate::cli::query::time::seconds;
use crate::cli::query::{block_on, remark};
use crate::rules::backtest::{AlertHistory, Difference, Firing};
use crate::settings;
use narthex_storage::Labels;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Deserialize)]
struct Data {
    alerts: Vec<Alert>,
    truncated: bool,
    more: Option<Vec<Alert>>,
    fewer: Option<Vec<Alert>>,
}

#[derive(Debug, Deserialize)]
struct Alert {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    pending: Vec<(f64, f64)>,
    firing: Vec<(f64, f64)>,
    values: Vec<String>,
}

impl Alert {
    fn firing(&self) -> Vec<Firing> {
        let one = |((start, end), value): (&(f64, f64), &String)| Firing {
            start_ms: ms(*start),
            end_ms: ms(*end),
            value: value.parse().unwrap_or(f64::NAN),
        };
        self.firing.iter().zip(&self.values).map(one).collect()
    }

    fn labels(&self) -> Labels {
        Labels::from_pairs(self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    fn history(&self) -> AlertHistory {
        let pending = self.pending.iter().map(|(start, end)| (ms(*start), ms(*end))).collect();
        AlertHistory { labels: self.labels(), pending, firing: self.firing() }
    }

    fn difference(&self) -> Difference {
        Difference { labels: self.labels(), firing: self.firing() }
    }
}

fn ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// What a server finds. Files are checked here first, where a fault can name file and line.
pub(super) fn ask(access: &Access, options: &BacktestOptions) -> Result<Found, Fault> {
    let span = options.span;
    let mut parameters = vec![
        ("start", seconds(span.from_ms)),
        ("end", seconds(span.to_ms)),
        ("interval", seconds(span.interval_ms)),
        ("limit", options.limit.to_string()),
    ];
    parameters.extend(options.names.iter().map(|name| ("name", name.clone())));
    parameters.extend(texts("rules", &options.rules)?);
    parameters.extend(texts("against", &options.against)?);
    let asked = block_on(async {
        let reply = Server::new(access)?.post("narthex/rules/backtest", &parameters).await?;
        let envelope = reply.open("")?;
        envelope.warnings.iter().for_each(|text| remark("warning", text));
        reply.read::<Data>(&envelope)
    });
    let data = asked.map_err(|error| Fault::Told(error.to_string()))?;
    if data.truncated {
        warn_of_limit(options.limit);
    }
    let differences = |alerts: Option<Vec<Alert>>| {
        alerts.unwrap_or_default().iter().map(Alert::difference).collect::<Vec<_>>()
    };
    Ok(match options.against.is_empty() {
        true => Found::Alerts(data.alerts.iter().map(Alert::history).collect()),
        false => Found::Differences(differences(data.more), differences(data.fewer)),
    })
}

fn texts(name: &'static str, paths: &[PathBuf]) -> Result<Vec<(&'static str, String)>, Fault> {
    load(paths)?;
    paths.iter().map(|path| Ok((name, settings::read(path).map_err(Fault::Told)?))).collect()
}
