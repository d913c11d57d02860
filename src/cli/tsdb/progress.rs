//! How far a long command is, on standard error: a line that is written over on a terminal, a line every few
//! seconds elsewhere, nothing for what is done soon.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Time between two lines where nobody can write over the last.
const LINES: Duration = Duration::from_secs(5);
/// Time between two states on a terminal.
const FRAMES: Duration = Duration::from_millis(100);
/// Width of the bar, characters.
const BAR: usize = 24;

/// Tells progress.
pub(super) struct Progress {
    what: &'static str,
    shown_at: Instant,
    terminal: bool,
    /// A line stands there that has to be cleared.
    drawn: bool,
}

impl Progress {
    /// Of what is being done, such as `verifying`.
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, shown_at: Instant::now(), terminal: std::io::stderr().is_terminal(), drawn: false }
    }

    /// Tells how much is done of how much, if that is known, with a remark.
    pub(super) fn show(&mut self, done: u64, all: Option<u64>, remark: &str) {
        if self.shown_at.elapsed() < if self.terminal { FRAMES } else { LINES } {
            return;
        }
        self.shown_at = Instant::now();
        let line = line(self.what, done, all, remark);
        let mut out = std::io::stderr().lock();
        // Nobody depends on seeing it.
        let _ = match self.terminal {
            true => write!(out, "\r\x1b[K{line}").and_then(|()| out.flush()),
            false => writeln!(out, "{line}"),
        };
        self.drawn = self.terminal;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, done: u64, all: Option<u64>, remark: &str) -> String {
    match all.filter(|all| *all > 0) {
        Some(all) => {
            let share = (done.min(all) as f64) / (all as f64);
            let full = (share * BAR as f64) as usize;
            format!("{what} [{}{}] {:3.0}% {remark}", "#".repeat(full), "-".repeat(BAR - full), share * 100.0)
        }
        None => format!("{what} {remark}"),
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_bar_is_never_longer_than_full() {
        assert_eq!(line("reading", 1, Some(2), "x"), "reading [############------------]  50% x");
        assert_eq!(line("reading", 9, Some(2), ""), "reading [########################] 100% ");
        assert_eq!(line("reading", 9, None, "a file"), "reading a file");
    }
}
