//! How far many runs are, on stderr, with the time that is left: a bar on a terminal, a line now and then elsewhere.

use crate::report::units;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The bar is drawn anew at most this often.
const REDRAW: Duration = Duration::from_millis(200);
/// A line at most this often.
const LINE: Duration = Duration::from_secs(5);

/// Shows how many runs are done. Many threads tell it.
pub struct Meter {
    name: String,
    total: usize,
    there: usize,
    begun: Instant,
    bar: Option<ProgressBar>,
    quiet: bool,
    /// When it last said something, and how many were done then.
    told: Mutex<(Instant, usize)>,
}

impl Meter {
    /// Of `total` runs that begin now, beside those that are there.
    pub fn new(name: &str, total: usize, there: usize, quiet: bool) -> Self {
        let bar = (!quiet && total > 0 && io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{prefix} {bar:24} {pos} of {len} runs  {msg}");
            let style = style.expect("the template is well-formed").progress_chars("=> ");
            ProgressBar::new(total as u64).with_style(style).with_prefix(name.to_owned())
        });
        let begun = Instant::now();
        if !quiet && there > 0 {
            eprintln!("{name}: {there} of {} runs are there already", total + there);
        }
        Self { name: name.to_owned(), total, there, begun, bar, quiet, told: Mutex::new((begun, 0)) }
    }

    /// Takes note.
    pub fn observe(&self, done: usize) {
        let Ok(mut told) = self.told.try_lock() else { return };
        let often = if self.bar.is_some() { REDRAW } else { LINE };
        if told.0.elapsed() < often || (self.bar.is_none() && told.1 == done) {
            return;
        }
        *told = (Instant::now(), done);
        let left = left(self.begun.elapsed(), done, self.total);
        match &self.bar {
            Some(bar) => {
                bar.set_position(done as u64);
                bar.set_message(left);
            }
            None if self.quiet => {}
            None => eprintln!("{}: {done} of {} runs, {left}", self.name, self.total),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if !self.quiet && self.total > 0 {
            let there = if self.there > 0 { format!(", {} were there", self.there) } else { String::new() };
            eprintln!(
                "{}: {} to play{there}; {} in all",
                self.name,
                self.total,
                units::span(self.begun.elapsed())
            );
        }
    }
}

/// By what the finished ones took.
fn left(elapsed: Duration, done: usize, total: usize) -> String {
    let Some(each) = u32::try_from(done).ok().and_then(|done| elapsed.checked_div(done)) else {
        return "none is finished yet".to_owned();
    };
    let rest = u32::try_from(total.saturating_sub(done)).unwrap_or(u32::MAX);
    format!("{} a run, about {} left", units::span(each), units::span(each.saturating_mul(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_is_done() {
        assert_eq!(left(Duration::from_secs(9), 3, 10), "3.00 s a run, about 21.0 s left");
        assert_eq!(left(Duration::from_secs(9), 10, 10), "900 ms a run, about 0 ms left");
        assert_eq!(left(Duration::from_secs(9), 0, 10), "none is finished yet");
    }
}
