//! Bodies of answers: held whole, or sent in pieces while they are written.

use crate::telemetry::Telemetry;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::sync::mpsc;

/// The writer of a body gave up: the connection is broken off, so that nobody takes a part for the whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer ends before its end")]
pub struct Broken;

/// A piece of a body.
pub type Piece = Result<Bytes, Broken>;

/// A body.
#[derive(Debug)]
pub enum Body {
    /// All of it; `None` when it is sent, or empty.
    Whole(Option<Bytes>),
    /// Pieces as they come. Only a closed channel ends the body well.
    Pieces(mpsc::Receiver<Piece>),
    /// One whose bytes are counted.
    Watched(Box<Self>, Watch),
}

/// Counts what is sent of a body, and tells it at its end, however that comes.
#[derive(Debug)]
pub struct Watch {
    telemetry: Arc<Telemetry>,
    handler: &'static str,
    begin: Instant,
    bytes: u64,
}

impl Watch {
    /// Watches the answer of a handler to a request that came at `begin`.
    #[must_use]
    pub fn new(telemetry: Arc<Telemetry>, handler: &'static str, begin: Instant) -> Self {
        Self { telemetry, handler, begin, bytes: 0 }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.telemetry.web.answered(self.handler, self.begin.elapsed().as_secs_f64(), self.bytes);
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Whole(None)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => {
                pieces.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
            Self::Watched(body, watch) => {
                let polled = Pin::new(body.as_mut()).poll_frame(context);
                if let Poll::Ready(Some(Ok(frame))) = &polled {
                    watch.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Pieces(_) => false,
            Self::Watched(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Pieces(_) => SizeHint::default(),
            Self::Watched(body, _) => body.size_hint(),
        }
    }
}
