//! Tells a person at a terminal what is going on and how long it took.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// Prints one line per finished step; silent in tests.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    shown: bool,
    /// A terminal also sees what is being waited for; a log file gets finished lines only.
    live: bool,
}

impl Progress {
    /// Prints to standard output.
    #[must_use]
    pub fn shown() -> Self {
        Self { shown: true, live: std::io::stdout().is_terminal() }
    }

    /// Prints nothing.
    #[must_use]
    pub const fn silent() -> Self {
        Self { shown: false, live: false }
    }

    /// A heading.
    pub fn heading(self, text: &str) {
        self.line(&format!("\n{text}"));
    }

    /// A plain line.
    pub fn line(self, text: &str) {
        if self.shown {
            let clear = if self.live { "\r\x1b[K" } else { "" };
            println!("{clear}{text}");
        }
    }

    /// What is being waited for, on a terminal; the next line replaces it.
    pub fn waiting(self, text: &str) {
        if self.shown && self.live {
            print!("\r\x1b[K  … {text}");
            drop(std::io::stdout().flush());
        }
    }

    /// A finished step and the time since `start`.
    pub fn done(self, start: Instant, text: &str) {
        self.line(&format!("  ✓ {:>7}  {text}", span(start.elapsed())));
    }
}

/// A duration for people: `12 ms`, `1.2 s`, `3 min 05 s`.
#[must_use]
pub fn span(duration: Duration) -> String {
    let ms = duration.as_millis();
    match duration.as_secs() {
        0 => format!("{ms} ms"),
        1..100 => format!("{:.1} s", duration.as_secs_f64()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        for (ms, text) in [(12, "12 ms"), (1_234, "1.2 s"), (185_000, "3 min 05 s")] {
            assert_eq!(span(Duration::from_millis(ms)), text);
        }
    }
}
