//! What waits for one Alertmanager, and the task that posts it: one request at a time.

use super::metrics::EndpointMetrics;
use super::{Alert, payload};
use crate::discovery::aws::signer::Signer;
use crate::http::HttpClient;
use crate::telemetry::repeated::Repeated;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{error, info, warn};

/// How long a sender may go on after it was told to empty its queue.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// Alerts that wait for an Alertmanager.
#[derive(Debug)]
pub(super) struct Queue {
    url: String,
    capacity: usize,
    waiting: Mutex<VecDeque<Arc<Alert>>>,
    wake: Notify,
    metrics: EndpointMetrics,
    /// Times that there was no room.
    full: Repeated,
    /// Batches that could not be posted.
    failed: Repeated,
}

/// How a sender ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Once everything is sent.
    Drained,
    /// At once; what waits is lost, and counted.
    AtOnce,
}

/// Whom to post to, and how.
pub(super) struct Destination {
    pub(super) url: Uri,
    pub(super) client: Arc<HttpClient>,
    pub(super) signer: Option<Arc<Signer>>,
    pub(super) timeout: Duration,
    /// Alerts in a request.
    pub(super) batch: usize,
}

/// A task that posts what waits.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) queue: Arc<Queue>,
    end: watch::Sender<Option<End>>,
    task: JoinHandle<()>,
}

impl Queue {
    pub(super) fn new(url: String, capacity: usize, metrics: EndpointMetrics) -> Self {
        Self {
            url,
            capacity,
            waiting: Mutex::default(),
            wake: Notify::new(),
            metrics,
            full: Repeated::default(),
            failed: Repeated::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Alert>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds alerts; the oldest make room.
    pub(super) fn push(&self, alerts: &[Arc<Alert>]) {
        let fitting = alerts.get(alerts.len().saturating_sub(self.capacity)..).unwrap_or_default();
        let dropped = {
            let mut waiting = self.lock();
            let beyond = (waiting.len() + fitting.len()).saturating_sub(self.capacity);
            let gone = beyond.min(waiting.len());
            waiting.drain(..gone);
            waiting.extend(fitting.iter().cloned());
            self.metrics.queue_length.set(waiting.len() as f64);
            beyond + alerts.len() - fitting.len()
        };
        self.wake.notify_one();
        if dropped > 0 {
            self.metrics.dropped.add(dropped as u64);
            if let Some(untold) = self.full.failed() {
                warn!(
                    alertmanager = self.url,
                    count = dropped,
                    untold,
                    "Alert notification queue full, dropping alerts"
                );
            }
        }
    }

    fn take(&self, most: usize) -> Vec<Arc<Alert>> {
        let mut waiting = self.lock();
        let count = most.min(waiting.len());
        let batch = waiting.drain(..count).collect();
        self.metrics.queue_length.set(waiting.len() as f64);
        batch
    }

    /// Ends when there is something to send.
    async fn ready(&self) {
        while self.lock().is_empty() {
            self.wake.notified().await;
        }
    }

    fn give_up(&self) {
        let lost = self.take(usize::MAX).len();
        if lost > 0 {
            self.metrics.dropped.add(lost as u64);
            warn!(
                alertmanager = self.url,
                count = lost,
                "Alert notification queue not drained, dropping alerts"
            );
        }
    }
}

impl Sender {
    pub(super) fn start(queue: Arc<Queue>, to: Destination) -> Self {
        let (end, orders) = watch::channel(None);
        let task = tokio::spawn(run(queue.clone(), to, orders));
        Self { queue, end, task }
    }

    /// Ends the task; whoever cares can wait for it.
    pub(super) fn end(self, end: End) -> JoinHandle<()> {
        self.end.send_replace(Some(end));
        self.task
    }
}

async fn run(queue: Arc<Queue>, to: Destination, mut orders: watch::Receiver<Option<End>>) {
    let end = loop {
        tokio::select! {
            biased;
            end = ordered(&mut orders) => break end,
            () = queue.ready() => {}
        }
        send(&queue, &to).await;
    };
    if end == End::Drained {
        let deadline = Instant::now() + DRAIN_MAX;
        while !queue.lock().is_empty() && Instant::now() < deadline {
            send(&queue, &to).await;
        }
    }
    queue.give_up();
}

/// Waits for the order to end; whoever could give it may be gone.
async fn ordered(orders: &mut watch::Receiver<Option<End>>) -> End {
    orders.wait_for(Option::is_some).await.ok().and_then(|order| *order).unwrap_or(End::AtOnce)
}

/// Posts a batch. What fails is lost: the rule that it came from sends it again.
async fn send(queue: &Queue, to: &Destination) {
    let alerts = queue.take(to.batch);
    let begin = Instant::now();
    let sent = match tokio::time::timeout(to.timeout, post(&alerts, to)).await {
        Ok(sent) => sent,
        Err(_) => Err("context deadline exceeded".to_owned()),
    };
    let count = alerts.len();
    match sent {
        Ok(()) => {
            queue.metrics.sent(count, begin.elapsed().as_secs_f64());
            if let Some(failures) = queue.failed.worked() {
                info!(alertmanager = queue.url, failures, "Alertmanager takes alerts again");
            }
        }
        Err(reason) => {
            queue.metrics.errors.add(count as u64);
            queue.metrics.dropped.add(count as u64);
            if let Some(untold) = queue.failed.failed() {
                error!(alertmanager = queue.url, count, error = reason, untold, "Error sending alerts");
            }
        }
    }
}

async fn post(alerts: &[Arc<Alert>], to: &Destination) -> Result<(), String> {
    let body = payload::json(alerts).map_err(|e| e.to_string())?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
    let failed = |why: String| format!("Post \"{}\": {why}", to.url);
    if let Some(signer) = &to.signer {
        headers.extend(signer.sign(&to.url.to_string(), &body).await.map_err(failed)?);
    }
    let answer = to.client.post(&to.url, &headers, body.into()).await.map_err(|e| failed(e.to_string()))?;
    let status = answer.status();
    if let (Some(signer), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) = (&to.signer, status) {
        signer.forget().await;
    }
    if !status.is_success() {
        let reason = status.canonical_reason().unwrap_or_default();
        return Err(format!("bad response status {} {reason}", status.as_u16()));
    }
    // The answer says nothing; a connection whose answer was read can be used again.
    let mut body = answer.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::metrics::NotifyMetrics;
    use super::*;
    use narthex_storage::Labels;

    fn alert(number: usize) -> Arc<Alert> {
        Arc::new(Alert {
            labels: Labels::from_pairs([("n", number.to_string().as_str())]),
            annotations: Vec::new(),
            starts_at_ms: 0,
            ends_at_ms: 0,
            generator_url: String::new(),
        })
    }

    fn numbers(alerts: &[Arc<Alert>]) -> Vec<usize> {
        alerts.iter().map(|alert| alert.labels.get("n").unwrap().parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn what_a_section_signs_goes_out_signed() {
        use crate::http::testing::{serve, status};
        use crate::settings::sigv4::SigV4;
        use crate::settings::{HttpClientConfig, Secret};
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let address = serve(move |request: http::Request<bytes::Bytes>| {
            let log = log.clone();
            async move {
                log.lock().unwrap().push(request.headers().clone());
                status(200, "")
            }
        })
        .await;
        let config = SigV4 {
            region: "r".to_owned(),
            access_key: "KEY".to_owned(),
            secret_key: Secret::new("s"),
            ..SigV4::default()
        };
        let to = Destination {
            url: format!("http://{address}/api/v2/alerts").parse().unwrap(),
            client: Arc::new(HttpClient::new("alertmanager", &HttpClientConfig::default()).unwrap()),
            signer: Some(Arc::new(Signer::new(&config).unwrap())),
            timeout: Duration::from_secs(30),
            batch: 1,
        };
        post(&[alert(1)], &to).await.unwrap();
        let seen = seen.lock().unwrap();
        let authorization = seen[0].get("authorization").unwrap().to_str().unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=KEY/"), "{authorization}");
        assert!(seen[0].contains_key("x-amz-date") && seen[0].contains_key("content-type"));
    }

    #[test]
    fn the_oldest_make_room_and_a_batch_larger_than_the_queue_loses_its_first() {
        let queue = Queue::new("u".to_owned(), 4, NotifyMetrics::new(4).of("u"));
        queue.push(&(0..3).map(alert).collect::<Vec<_>>());
        queue.push(&(3..6).map(alert).collect::<Vec<_>>());
        assert_eq!((queue.metrics.dropped.get(), queue.metrics.queue_length.get()), (2, 4.0));
        assert_eq!(numbers(&queue.take(3)), [2, 3, 4]);
        queue.push(&(10..20).map(alert).collect::<Vec<_>>());
        assert_eq!(numbers(&queue.take(100)), [16, 17, 18, 19]);
        assert_eq!((queue.metrics.dropped.get(), queue.metrics.queue_length.get()), (2 + 1 + 6, 0.0));
    }
}
