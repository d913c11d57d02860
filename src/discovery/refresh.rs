//! Mechanisms that ask again and again.

use super::{Context, TargetGroup, Task, Updates};
use crate::telemetry::repeated::Repeated;
use std::time::{Duration, Instant};
use tracing::{error, info};

/// Somebody who can be asked for all targets.
pub trait Refresh: Send {
    /// All groups that there are now.
    ///
    /// # Errors
    /// There is no answer; the last one stays in force.
    fn refresh(&mut self) -> Task<'_, Result<Vec<TargetGroup>, String>>;
}

/// Asks at once and then at each interval, until nobody listens.
pub async fn run(
    mechanism: &'static str,
    every_ms: i64,
    mut source: Box<dyn Refresh>,
    context: Context,
    updates: Updates,
) {
    // An interval of 0 would ask without a pause.
    let every = Duration::from_millis(u64::try_from(every_ms).unwrap_or(0).max(100));
    let metrics = context.metrics.refresh(mechanism, &context.config);
    let repeated = Repeated::default();
    loop {
        let begin = Instant::now();
        let answer = tokio::select! {
            answer = source.refresh() => answer,
            () = updates.closed() => return,
        };
        metrics.duration.observe(begin.elapsed().as_secs_f64());
        context.metrics.refresh_duration(mechanism).observe(begin.elapsed().as_secs_f64());
        match answer {
            Ok(groups) => {
                updates.replace(groups);
                if let Some(failures) = repeated.worked() {
                    info!(
                        discovery = mechanism,
                        config = context.config,
                        failures,
                        "Target groups are refreshed again"
                    );
                }
            }
            Err(reason) => {
                metrics.failures.add(1);
                if let Some(untold) = repeated.failed() {
                    error!(
                        discovery = mechanism,
                        config = context.config,
                        error = reason,
                        untold,
                        "Unable to refresh target groups"
                    );
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(every.saturating_sub(begin.elapsed())) => {}
            () = updates.closed() => return,
        }
    }
}
