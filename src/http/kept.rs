//! The connection of whoever asks one server again and again, as a scrape does.
//!
//! One task sends the request, reads the answer and drives the connection in between: nothing is handed from task to
//! task, and no pool is asked. That holds for plain HTTP without a proxy; everything else, and an answer that leads
//! somewhere else, goes through the client's pool.

use super::client::{HttpClient, HttpError, host_of, redirect, transport};
use super::connect::Stream;
use bytes::Bytes;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// A connection that was not used for this long is not used any more: as Go has it.
const IDLE: Duration = Duration::from_secs(300);

/// After so many rounds of request and connection other tasks have their turn.
const ROUNDS_MAX: usize = 32;

/// A place for a connection between two requests. What speaks HTTP on it is made anew for each of them: that takes a
/// few microseconds, and kept it would take 45 KB.
#[derive(Default)]
pub struct Kept(Option<Idle>);

struct Idle {
    stream: Stream,
    since: Instant,
}

impl Kept {
    /// The connection, if the other side has left it open.
    fn take(&mut self) -> Option<Stream> {
        let idle = self.0.take().filter(|idle| idle.since.elapsed() < IDLE)?;
        idle.stream.is_silent().then_some(idle.stream)
    }
}

/// An answer whose body is yet to be read.
pub struct Answer {
    /// Status and headers.
    pub response: Response<Incoming>,
    /// Its connection; `None` when the pool drives it.
    open: Option<Open>,
}

/// A connection on which HTTP is spoken.
struct Open {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
}

/// What moves the bytes of a connection.
struct Driver {
    connection: Connection<Stream, Full<Bytes>>,
    ended: bool,
    relay: Arc<Relay>,
}

/// Request and connection wake each other while they are polled. That costs the runtime a turn, and often another
/// thread; polling both again costs nothing.
#[derive(Default)]
struct Relay {
    state: AtomicU8,
    task: Mutex<Option<Waker>>,
}

impl Relay {
    /// The two are polled, or nobody waits for them.
    const BUSY: u8 = 0;
    /// Likewise, and one of them was woken.
    const WOKEN: u8 = 1;
    /// A task waits for them.
    const AWAITED: u8 = 2;

    /// The two are polled for a task.
    fn begin(&self, task: &Waker) {
        let mut known = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *known {
            Some(known) => known.clone_from(task),
            none => *none = Some(task.clone()),
        }
        self.state.store(Self::BUSY, Ordering::SeqCst);
    }

    /// Whether the task may wait: none was woken. Otherwise they are to be polled again.
    fn may_wait(&self) -> bool {
        let (from, to) = (Self::BUSY, Self::AWAITED);
        let quiet = self.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if !quiet {
            self.state.store(Self::BUSY, Ordering::SeqCst);
        }
        quiet
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let (from, to) = (Self::BUSY, Self::WOKEN);
        let woken = self.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
        if woken == Err(Self::AWAITED)
            && let Some(task) = &*self.task.lock().unwrap_or_else(PoisonError::into_inner)
        {
            task.wake_by_ref();
        }
    }
}

impl Answer {
    /// Reads the body, and keeps the connection when that succeeds.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn read<T, E, R>(
        self,
        kept: &mut Kept,
        read: impl FnOnce(Response<Incoming>) -> R,
    ) -> Result<T, E>
    where
        R: Future<Output = Result<T, E>>,
    {
        let mut reading = pin!(read(self.response));
        let Some(mut open) = self.open else { return reading.await };
        match open.driver.drive(reading.as_mut()).await {
            Some(read) => {
                let read = read?;
                kept.0 = open.close().await;
                Ok(read)
            }
            None => reading.await,
        }
    }
}

impl Open {
    async fn new(stream: Stream) -> hyper::Result<Self> {
        let (sender, connection) = handshake(stream).await?;
        Ok(Self { sender, driver: Driver { connection, ended: false, relay: Arc::default() } })
    }

    /// Status and headers of the answer, if there is one.
    async fn send(
        &mut self,
        url: &Uri,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, HttpError> {
        let answer = self.sender.send_request(request);
        match self.driver.drive(answer).await {
            Some(answer) => answer.map_err(|e| transport(url, &e)),
            None => Err(HttpError::Transport("EOF".to_owned())),
        }
    }

    /// The connection without what speaks HTTP on it; `None` when it cannot be used again.
    async fn close(mut self) -> Option<Idle> {
        self.driver.drive(self.sender.ready()).await?.ok()?;
        let parts = self.driver.connection.into_parts();
        let is_clean = !self.driver.ended && parts.read_buf.is_empty();
        is_clean.then(|| Idle { stream: parts.io, since: Instant::now() })
    }
}

impl Driver {
    /// Awaits something that the connection brings on; `None` when the connection ends before.
    async fn drive<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let relay = self.relay.clone();
        let waker = Waker::from(relay.clone());
        poll_fn(|outer| {
            let mut inner = Context::from_waker(&waker);
            relay.begin(outer.waker());
            for _ in 0..ROUNDS_MAX {
                if let Poll::Ready(output) = future.as_mut().poll(&mut inner) {
                    return Poll::Ready(Some(output));
                }
                if self.ended {
                    return Poll::Ready(None);
                }
                self.ended = Pin::new(&mut self.connection).poll(&mut inner).is_ready();
                if self.ended {
                    // What it brought last is there now.
                    continue;
                }
                if relay.may_wait() {
                    return Poll::Pending;
                }
            }
            outer.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }
}

impl HttpClient {
    /// As [`HttpClient::get`], on the connection that is kept, if it still stands.
    ///
    /// # Errors
    /// No answer. An answer with an error status is an answer.
    pub async fn get_on(&self, kept: &mut Kept, url: &Uri, headers: &HeaderMap) -> Result<Answer, HttpError> {
        if url.scheme_str() != Some("http") || self.is_proxied(url) {
            return Ok(Answer { response: self.get(url, headers).await?, open: None });
        }
        if let Some(stream) = kept.take()
            && let Ok(mut open) = Open::new(stream).await
            // The other side may have closed it just now: nothing says that the server cannot be reached.
            && let Ok(response) = open.send(url, self.direct(url, headers).await?).await
        {
            return self.arrive(url, headers, open, response).await;
        }
        let stream = self.dial(url).await.map_err(|e| transport(url, &*e))?;
        let mut open = Open::new(stream).await.map_err(|e| transport(url, &e))?;
        let response = open.send(url, self.direct(url, headers).await?).await?;
        self.arrive(url, headers, open, response).await
    }

    /// The answer, or the one to which it leads.
    async fn arrive(
        &self,
        url: &Uri,
        headers: &HeaderMap,
        open: Open,
        response: Response<Incoming>,
    ) -> Result<Answer, HttpError> {
        match redirect(url, &response).filter(|_| self.follows_redirects()) {
            Some(next) => {
                let response = self.follow(&Method::GET, (url, next?, 1), headers, &Bytes::new()).await?;
                Ok(Answer { response, open: None })
            }
            None => Ok(Answer { response, open: Some(open) }),
        }
    }

    /// The request for a URL as its server expects it.
    async fn direct(&self, url: &Uri, headers: &HeaderMap) -> Result<Request<Full<Bytes>>, HttpError> {
        let mut request = self.prepare(url, headers, true).await?;
        let host = HeaderValue::try_from(host_of(url)).map_err(|e| HttpError::Invalid(e.to_string()))?;
        // Who sets a host of his own keeps it.
        request.headers_mut().entry(header::HOST).or_insert(host);
        let path = url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = path.into();
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::{answer, json, serve, status};
    use crate::settings::HttpClientConfig;
    use http_body_util::BodyExt;
    use std::sync::atomic::AtomicUsize;
    use tokio::net::TcpListener;

    /// A server, and how many connections it has seen. It answers with what it was asked for, closes the connection
    /// for `/close`, leads from `/away` to `/here`, and is silent for `/silent`.
    async fn server() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(AtomicUsize::new(0));
        let count = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream, |request: Request<Bytes>| async move {
                    let host = request.headers().get(header::HOST).unwrap().to_str().unwrap().to_owned();
                    let mut response = json(format!("{host}{}", request.uri()));
                    let mut set =
                        |name, value| response.headers_mut().insert(name, HeaderValue::from_static(value));
                    match request.uri().path() {
                        "/close" => drop(set(header::CONNECTION, "close")),
                        "/away" => {
                            set(header::LOCATION, "/here");
                            *response.status_mut() = http::StatusCode::FOUND;
                        }
                        "/silent" => std::future::pending().await,
                        _ => {}
                    }
                    response
                }));
            }
        });
        (address, seen)
    }

    async fn get(
        client: &HttpClient,
        kept: &mut Kept,
        address: &str,
        path: &str,
    ) -> Result<String, HttpError> {
        let url = format!("http://user:secret@{address}{path}").parse().unwrap();
        let answer = client.get_on(kept, &url, &HeaderMap::new()).await?;
        let body = answer.read(kept, |response| response.into_body().collect()).await;
        Ok(String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap())
    }

    fn client() -> HttpClient {
        HttpClient::new("test", &HttpClientConfig::default()).unwrap()
    }

    #[tokio::test]
    async fn requests_go_over_one_connection_until_the_server_closes_it() {
        let ((address, seen), client, mut kept) = (server().await, client(), Kept::default());
        for path in ["/a?x=1", "/", "/b", "/close"] {
            assert_eq!(get(&client, &mut kept, &address, path).await.unwrap(), format!("{address}{path}"));
            assert_eq!(seen.load(Ordering::SeqCst), 1);
        }
        assert_eq!(get(&client, &mut kept, &address, "/c").await.unwrap(), format!("{address}/c"));
        assert_eq!(seen.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_leaves_no_connection_behind() {
        let ((address, seen), client, mut kept) = (server().await, client(), Kept::default());
        get(&client, &mut kept, &address, "/a").await.unwrap();
        let silent = get(&client, &mut kept, &address, "/silent");
        tokio::time::timeout(Duration::from_millis(50), silent).await.unwrap_err();
        assert!(kept.0.is_none());
        get(&client, &mut kept, &address, "/b").await.unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_answer_that_leads_elsewhere_is_followed() {
        let ((address, _), client, mut kept) = (server().await, client(), Kept::default());
        assert_eq!(get(&client, &mut kept, &address, "/away").await.unwrap(), format!("{address}/here"));
    }

    #[tokio::test]
    async fn a_server_that_leads_round_is_asked_ten_times_as_by_the_pool() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let address = serve(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            async {
                let mut response = status(302, "");
                response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/round"));
                response
            }
        });
        let (address, client, mut kept) = (address.await, client(), Kept::default());
        let error = get(&client, &mut kept, &address, "/round").await.unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), asked.load(Ordering::SeqCst)),
            ("stopped after 10 redirects", 10)
        );
    }

    #[tokio::test]
    async fn a_server_that_is_gone_is_said_to_refuse() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (client, mut kept) = (client(), Kept::default());
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            drop(listener);
            answer(stream, |_| async { json("one") }).await;
        });
        assert_eq!(get(&client, &mut kept, &address, "/a").await.unwrap(), "one");
        serving.abort();
        let _ = serving.await;
        let error = get(&client, &mut kept, &address, "/b").await.unwrap_err();
        assert_eq!(error.to_string(), format!("dial tcp {address}: connect: connection refused"));
    }
}
