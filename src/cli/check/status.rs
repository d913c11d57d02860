//! `check healthy`, `check ready`: what a server says of itself.

use super::super::query::block_on;
use super::super::query::server::{QueryError, Server};
use super::Verdict;
use super::args::StatusRequest;
use std::io::{self, Write};

/// Asks the server.
///
/// # Errors
/// `err` cannot be written.
pub(super) fn check(request: &StatusRequest, err: &mut dyn Write) -> io::Result<Verdict> {
    match block_on(ask(request)) {
        Ok((200, body)) => {
            writeln!(err, "  SUCCESS:  {body}")?;
            Ok(Verdict::Good)
        }
        Ok((status, _)) => {
            writeln!(err, "check failed: URL={}, status={status}", request.access.server)?;
            Ok(Verdict::Bad)
        }
        Err(error) => {
            writeln!(err, "{error}")?;
            Ok(Verdict::Bad)
        }
    }
}

async fn ask(request: &StatusRequest) -> Result<(u16, String), QueryError> {
    let server = Server::new(&request.access)?;
    server.fetch(request.path).await
}
