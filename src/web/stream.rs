//! The way of a large answer: written on a worker's thread, packed and sent in pieces as the client takes
//! them. A small one is held and sent whole.

use super::body::{Body, Broken, Piece};
use super::encode::{Encoding, Packer};
use super::json::{Json, Output};
use super::respond::{self, JSON, Reply};
use bytes::Bytes;
use http::StatusCode;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// An answer up to this size is held and sent whole, bytes.
const WHOLE_MAX: usize = 256 << 10;
/// Size of the pieces of a larger one, before packing, bytes.
const PIECE: usize = 64 << 10;
/// Pieces that may be on their way at once.
const PIECES_AHEAD: usize = 4;
/// A client that takes nothing for this long loses its answer.
const STALL: Duration = Duration::from_secs(60);

/// Writes one answer.
pub struct Stream<'a> {
    json: Json,
    encoding: Option<Encoding>,
    /// To whoever waits for the head of the answer; taken when it is sent.
    reply: Option<oneshot::Sender<Reply>>,
    pieces: Option<Pieces>,
    /// Whether the answer is wanted no more.
    unwanted: &'a dyn Fn() -> bool,
    broken: bool,
    runtime: Handle,
}

struct Pieces {
    packer: Option<Packer>,
    sender: mpsc::Sender<Piece>,
}

impl<'a> Stream<'a> {
    /// An answer for `reply`. Has to be made on a thread that may block and belongs to a runtime.
    #[must_use]
    pub fn new(
        reply: oneshot::Sender<Reply>,
        encoding: Option<Encoding>,
        unwanted: &'a dyn Fn() -> bool,
    ) -> Self {
        Self {
            json: Json::default(),
            encoding,
            reply: Some(reply),
            pieces: None,
            unwanted,
            broken: false,
            runtime: Handle::current(),
        }
    }

    /// Sends what is left: everything, of a small answer.
    pub fn finish(mut self) {
        let rest = std::mem::take(&mut self.json).into_bytes();
        let Some(mut pieces) = self.pieces.take() else {
            if let Some(reply) = self.reply.take() {
                // The client may be gone.
                drop(reply.send(respond::packed(StatusCode::OK, JSON, rest, self.encoding)));
            }
            return;
        };
        if self.broken {
            // Tells the connection, if it listens still, that this is no good end.
            let sending = tokio::time::timeout(STALL, pieces.sender.send(Err(Broken)));
            drop(self.runtime.block_on(sending));
            return;
        }
        let last = match pieces.packer.take() {
            Some(packer) => packer.finish(&rest),
            None => rest,
        };
        if !last.is_empty() {
            self.send(&pieces, last);
        }
    }

    fn begin(&mut self) {
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let packer = self.encoding.map(Packer::new);
        let reply = respond::pieces(JSON, Body::Pieces(receiver), self.encoding);
        self.broken |= self.reply.take().is_none_or(|head| head.send(reply).is_err());
        self.pieces = Some(Pieces { packer, sender });
    }

    fn send(&mut self, pieces: &Pieces, bytes: Vec<u8>) {
        let sending = tokio::time::timeout(STALL, pieces.sender.send(Ok(Bytes::from(bytes))));
        self.broken |= !matches!(self.runtime.block_on(sending), Ok(Ok(())));
    }
}

impl Output for Stream<'_> {
    fn json(&mut self) -> &mut Json {
        &mut self.json
    }

    fn breathe(&mut self) -> bool {
        let full = if self.pieces.is_some() { PIECE } else { WHOLE_MAX };
        if self.json.len() < full {
            return !self.broken;
        }
        if self.pieces.is_none() {
            self.begin();
        }
        self.broken |= (self.unwanted)();
        let piece = self.json.take();
        if self.broken {
            return false;
        }
        if let Some(mut pieces) = self.pieces.take() {
            let piece = match &mut pieces.packer {
                Some(packer) => packer.pack(&piece),
                None => piece,
            };
            // A packer may keep everything for later.
            if !piece.is_empty() {
                self.send(&pieces, piece);
            }
            self.pieces = Some(pieces);
        }
        !self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    /// An answer of this many bytes, as the client gets it.
    async fn sent(bytes: usize, encoding: Option<Encoding>) -> (http::response::Parts, Bytes) {
        let (reply, answered) = oneshot::channel();
        let worker = tokio::task::spawn_blocking(move || {
            let mut stream = Stream::new(reply, encoding, &|| false);
            for _ in 0..bytes / 10 {
                stream.json().raw("0123456789");
                if !stream.breathe() {
                    break;
                }
            }
            stream.finish();
        });
        let (parts, body) = answered.await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        worker.await.unwrap();
        (parts, body)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn small_answers_are_whole_and_large_ones_come_in_pieces() {
        for (size, encoding) in
            [(1000, None), (3 << 20, None), (1000, Some(Encoding::Gzip)), (3 << 20, Some(Encoding::Deflate))]
        {
            let size = size / 10 * 10;
            let (parts, body) = sent(size, encoding).await;
            assert_eq!(parts.headers.get("content-encoding").is_some(), encoding.is_some());
            let plain = match encoding {
                None => body.to_vec(),
                Some(encoding) => encoding.unpack(&body),
            };
            assert_eq!(plain.len(), size);
            assert!(plain.chunks(10).all(|chunk| chunk == b"0123456789"));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_that_nobody_wants_breaks_off() {
        let (reply, answered) = oneshot::channel();
        let worker = tokio::task::spawn_blocking(move || {
            let mut stream = Stream::new(reply, None, &|| true);
            let mut written = 0;
            while stream.breathe() {
                stream.json().raw("0123456789");
                written += 10;
            }
            stream.finish();
            written
        });
        let body = answered.await.unwrap().into_body();
        assert!(body.collect().await.is_err());
        assert!(worker.await.unwrap() <= WHOLE_MAX + 10);
    }
}
