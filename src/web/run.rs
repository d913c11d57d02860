//! The way of a query: its turn in the queue, its worker, its end by deadline, by command or because the
//! client is gone.

use super::api::query::{Request, Times, is_refused};
use super::api::{ApiError, ErrorKind};
use super::app::App;
use super::encode::Encoding;
use super::respond::{self, Reply};
use super::stream::Stream;
use crate::query::registry::{Client, Kind, Running};
use crate::query::slots::SlotError;
use crate::query::{End, Ticket};
use crate::web::params::Params;
use narthex_promql::EngineError;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A worker that was told to stop gets this long to say how it ended; then the client is answered without it.
const GRACE: Duration = Duration::from_secs(1);

/// Ends the query when the client goes away and the request's future is dropped.
struct EndOnDrop(Option<Arc<Running>>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(running) = &self.0 {
            running.kill();
        }
    }
}

impl From<SlotError> for ApiError {
    fn from(error: SlotError) -> Self {
        let kind = match error {
            SlotError::Timeout | SlotError::Full(_) => ErrorKind::Timeout,
            SlotError::Canceled => ErrorKind::Canceled,
        };
        Self::new(kind, error.to_string())
    }
}

/// Answers a query.
pub async fn query(
    app: &Arc<App>,
    kind: Kind,
    params: &Params,
    client: Client,
    encoding: Option<Encoding>,
) -> Reply {
    let request = match Request::read(app, kind, params, client) {
        Ok(request) => request,
        Err(error) => return respond::failed(&error, encoding),
    };
    let begun = Instant::now();
    // A day is as good as for ever, and far from where sums of times end.
    let deadline = begun + request.timeout.min(Duration::from_secs(86_400));
    let mut ticket = app.queries.enter(request.spec.clone());
    let running = ticket.running.clone();
    let guard = EndOnDrop(Some(running.clone()));
    if let Err(error) = ticket.wait(deadline).await {
        let error = ApiError::from(error);
        ticket.gave_up(&error.text, app.now_ms());
        return respond::failed(&error, encoding);
    }
    let (reply, mut answered) = oneshot::channel();
    let worker = app.clone();
    // Whatever becomes of this future, the worker goes on until it notices, and its slot with it.
    tokio::task::spawn_blocking(move || work(&worker, &request, ticket, reply, encoding));
    let ended = tokio::select! {
        reply = &mut answered => return finish(reply, guard),
        () = tokio::time::sleep_until(deadline.into()) => {
            running.cancel.time_out();
            EngineError::Timeout
        }
        () = running.ended() => EngineError::Canceled,
    };
    match tokio::time::timeout(GRACE, answered).await {
        Ok(reply) => finish(reply, guard),
        Err(_) => respond::failed(&ApiError::from(&ended), encoding),
    }
}

/// The worker's answer. What it still sends is no business of the request's future any more.
fn finish(reply: Result<Reply, oneshot::error::RecvError>, mut guard: EndOnDrop) -> Reply {
    guard.0 = None;
    reply.unwrap_or_else(|_| respond::worker_failed())
}

/// Evaluates the query and sends the answer, on a thread that may take its time.
fn work(
    app: &App,
    request: &Request,
    mut ticket: Ticket,
    reply: oneshot::Sender<Reply>,
    encoding: Option<Encoding>,
) {
    let begun = Instant::now();
    let running = ticket.running.clone();
    let evaluated = request.evaluate(app, &running);
    let evaluation = begun.elapsed();
    let (samples, peak_samples) = match &evaluated {
        Ok(evaluated) => evaluated.samples(),
        Err(_) => (running.progress.samples_read(), running.progress.samples_peak()),
    };
    let text = evaluated.as_ref().err().map(ToString::to_string);
    let refused = evaluated.as_ref().is_err_and(is_refused);
    let end =
        End { evaluation, error: text.as_deref(), samples, peak_samples, refused, now_ms: app.now_ms() };
    ticket.evaluated(&end);
    match evaluated {
        Ok(evaluated) => {
            let times = Times { queue: ticket.waited(), evaluation };
            let unwanted = || running.is_killed();
            let mut stream = Stream::new(reply, encoding, &unwanted);
            request.write(&mut stream, evaluated, times, &running);
            stream.finish();
        }
        // The client may be gone.
        Err(error) => drop(reply.send(respond::failed(&ApiError::from(&error), encoding))),
    }
}
