//! Bodies of answers: held whole, or sent in pieces while they are written.

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
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
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}
