//! A target asked for its page now: what a scrape would see, of which nothing is stored.

use super::buffers;
use super::exposition::negotiate::format_of;
use super::exposition::{Entry, Exposition};
use super::fetch::{self, FetchError};
use super::scrape_loop::Plan;
use crate::http::kept::Kept;
use std::time::Duration;
use tokio::time::Instant;

/// How much of a page is shown, bytes.
const HEAD_MAX: usize = 4096;

/// How it went.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// Time from the request until the page was there.
    pub seconds: f64,
    /// Bytes of the page, unpacked, as far as it was read.
    pub bytes: usize,
    /// Samples of the page, before metric relabelling, as far as it could be read.
    pub samples: usize,
    /// Why a scrape would fail; `None` when it would not for what the page is.
    pub error: Option<String>,
    /// How the page begins.
    pub head: String,
}

/// Asks for the page as a scrape of this plan does, within its timeout.
pub async fn run(plan: &Plan) -> Attempt {
    let begun = Instant::now();
    let limit = Duration::from_millis(u64::try_from(plan.target.timeout_ms).unwrap_or(0));
    let (mut status, mut page) = (None, Vec::new());
    // A connection of its own, which ends with it.
    let mut kept = Kept::default();
    let asking = async {
        let answer = fetch::ask((&plan.client, &mut kept), &plan.target.url, &plan.headers).await?;
        status = Some(answer.response.status().as_u16());
        let accepted = fetch::accepted(answer.response.status());
        // What stands in the answer that is no page may tell why.
        let taken = fetch::take(answer, &mut kept, plan.body_limit, &mut page).await;
        accepted.and(taken)
    };
    let fetched = match tokio::time::timeout(limit, asking).await {
        Ok(fetched) => fetched,
        Err(_) => Err(FetchError::Timeout(plan.target.url_text.clone())),
    };
    let seconds = begun.elapsed().as_secs_f64();
    let count = || match &fetched {
        Ok(content_type) => {
            samples(&page, content_type.as_deref(), plan.settings.fallback_protocol.as_deref())
        }
        Err(error) => (0, Some(error.to_string())),
    };
    let (samples, error) = tokio::task::block_in_place(count);
    let attempt = Attempt { status, seconds, bytes: page.len(), samples, error, head: head(&page) };
    buffers::PAGES.give_back(page);
    attempt
}

/// Samples of a page, and what is wrong with it.
fn samples(page: &[u8], content_type: Option<&str>, fallback: Option<&str>) -> (usize, Option<String>) {
    let format = match format_of(content_type, fallback) {
        Ok(format) => format,
        Err(error) => return (0, Some(error.to_string())),
    };
    let mut count = 0;
    for entry in Exposition::new(page, format).entries() {
        match entry {
            Ok(Entry::Series(_)) => count += 1,
            Ok(_) => {}
            Err(error) => return (count, Some(error.to_string())),
        }
    }
    (count, None)
}

/// The beginning of a page as text, with the last line whole where that is possible.
fn head(page: &[u8]) -> String {
    let Some(start) = page.get(..HEAD_MAX) else { return String::from_utf8_lossy(page).into_owned() };
    let end = memchr::memrchr(b'\n', start).map_or(HEAD_MAX, |line| line + 1);
    String::from_utf8_lossy(start.get(..end).unwrap_or(start)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_counted_up_to_the_fault() {
        let text = Some("text/plain; version=0.0.4");
        assert_eq!(samples(b"# TYPE a gauge\na 1\nb{c=\"d\"} 2\n", text, None), (2, None));
        let (count, error) = samples(b"a 1\nb{c 2\nd 3\n", text, None);
        assert!(count == 1 && error.is_some(), "{count} {error:?}");
        let (count, error) = samples(b"<html>", Some("text/html"), None);
        assert!(count == 0 && error.is_some_and(|error| error.contains("text/html")));
    }

    #[test]
    fn the_head_ends_with_a_whole_line_where_it_has_one() {
        assert_eq!(head(b"a 1\nb 2"), "a 1\nb 2");
        let page = b"metric 1\n".repeat(1000);
        let shown = head(&page);
        assert!(shown.ends_with("metric 1\n") && shown.len() <= HEAD_MAX && shown.len() > HEAD_MAX - 9);
        assert_eq!(head(&[b'x'; 5000]).len(), HEAD_MAX);
        assert!(head(&[0xff; 10]).starts_with('\u{fffd}'));
    }
}
