//! How far a run is, on stderr: a bar on a terminal, a line every tenth elsewhere. And Ctrl-C.

use crate::history::{Control, Progress};
use crate::report::units;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::exit::Exit;

/// The bar is drawn anew at most this often.
const REDRAW: Duration = Duration::from_millis(100);
/// Lines at each of these many parts of a run.
const LINES: u64 = 10;
/// Resolution of the bar.
const STEPS: u64 = 1_000;

/// Set by the first Ctrl-C; the second ends the process.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from here on. Where the system does not let it, Ctrl-C keeps ending the process at once.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        let set = interrupt.0.clone();
        let handler = move || {
            if set.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
            eprintln!("\ninterrupted: stopping with partial results; Ctrl-C again to stop at once");
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            eprintln!("warning: Ctrl-C will leave no partial results: {error}");
        }
        interrupt
    }

    /// Whether it was pressed.
    pub fn pressed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Which time a run's progress is told in.
#[derive(Clone, Copy)]
pub enum Pace {
    /// Virtual time, and how much faster it goes than the wall clock.
    Virtual,
    /// A live run's own: the wall clock.
    Live,
}

/// Shows one run's progress.
pub struct Watcher {
    name: String,
    pace: Pace,
    kind: Kind,
    /// When the first event could be handled: setting up is not counted into the speed.
    started: Option<Instant>,
    interrupt: Interrupt,
}

enum Kind {
    Quiet,
    Lines { next: u64 },
    Bar { bar: ProgressBar, drawn: Option<Instant> },
}

impl Watcher {
    /// Of a run that starts now.
    pub fn new(name: &str, pace: Pace, quiet: bool, interrupt: &Interrupt) -> Self {
        let kind = match quiet {
            true => Kind::Quiet,
            false if io::stderr().is_terminal() => Kind::Bar { bar: bar(name, pace), drawn: None },
            false => Kind::Lines { next: 1 },
        };
        Self { name: name.to_owned(), pace, kind, started: None, interrupt: interrupt.clone() }
    }

    /// Takes note, and says whether to go on.
    pub fn observe(&mut self, progress: &Progress) -> Control {
        let part = |of: u64| part(progress, of);
        let wall = self.started.get_or_insert_with(Instant::now).elapsed();
        match &mut self.kind {
            Kind::Quiet => {}
            Kind::Lines { next } => {
                if part(LINES) >= *next {
                    *next = part(LINES) + 1;
                    let line = line(progress, self.pace, wall);
                    eprintln!("{}: {:>3} %  {line}", self.name, part(100));
                }
            }
            Kind::Bar { bar, drawn } => {
                if drawn.is_none_or(|at| at.elapsed() >= REDRAW) {
                    *drawn = Some(Instant::now());
                    bar.set_position(part(STEPS));
                    bar.set_message(line(progress, self.pace, wall));
                }
            }
        }
        if self.interrupt.pressed() { Control::Stop } else { Control::Continue }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Kind::Bar { bar, .. } = &self.kind {
            bar.finish_and_clear();
        }
    }
}

fn bar(name: &str, pace: Pace) -> ProgressBar {
    let template = "{prefix} {bar:24} {percent:>3} %  {msg}";
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    let bar = ProgressBar::new(STEPS).with_style(style.progress_chars("=> ")).with_prefix(name.to_owned());
    bar.set_message(match pace {
        Pace::Virtual => "building keys, documents and genesis",
        Pace::Live => "starting replicas",
    });
    bar
}

/// Of `of` parts, how many are done; arrivals end before the run does, so the whole is capped.
fn part(progress: &Progress, of: u64) -> u64 {
    let (now, end) = (u128::from(progress.now.0), u128::from(progress.end.0.max(1)));
    (now * u128::from(of) / end).min(u128::from(of)) as u64
}

fn line(progress: &Progress, pace: Pace, wall: Duration) -> String {
    let (now, committed) = (units::time(progress.now.0), units::count(progress.committed));
    let draining = if progress.now > progress.end { ", draining" } else { "" };
    match pace {
        Pace::Virtual => {
            let speed = progress.now.as_secs_f64() / wall.as_secs_f64().max(1e-9);
            let wall = units::span(wall);
            format!("{now} virtual, {wall} wall, {speed:.1}x, {committed} committed{draining}")
        }
        Pace::Live => format!("{now} live, {committed} committed{draining}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::time::Timestamp;

    #[test]
    fn parts_are_capped_in_the_drain() {
        let at =
            |now, end| Progress { now: Timestamp(now), end: Timestamp(end), events: 0, committed: 5_000 };
        assert_eq!([part(&at(0, 10), 10), part(&at(5, 10), 100), part(&at(12, 10), 10)], [0, 50, 10]);
        assert_eq!(part(&at(0, 0), 10), 0);
        let drains = at(12_000_000_000, 10_000_000_000);
        let text = |pace| line(&drains, pace, Duration::from_secs(3));
        assert_eq!(text(Pace::Virtual), "12.0 s virtual, 3.00 s wall, 4.0x, 5,000 committed, draining");
        assert_eq!(text(Pace::Live), "12.0 s live, 5,000 committed, draining");
    }
}
