//! `series.csv`: a row for each second of a run, and what is read of it again.

use crate::history::Run;
use crate::metrics::{SecondLatency, Window};
use ledger_core::time::Duration;
use std::fmt::Write as _;

/// Columns after `second` and `phase`; a reader goes by their names, and new ones come last.
const COLUMNS: &str = "scheduled,committed,shared,ordering_bytes,ledger_bytes,log_bytes,resident_bytes,faults,\
                       transaction_p50_ns,transaction_p99_ns,share_p50_ns,share_p99_ns";

/// The file. Latencies are of what was scheduled in the second, and empty where nothing of it ended.
pub(super) fn text(run: &Run, latencies: &[SecondLatency]) -> String {
    let window = Window::of(run);
    let mut text = format!("second,phase,{COLUMNS}\n");
    let none = SecondLatency::default();
    for (index, row) in run.history.series.iter().enumerate() {
        let at = run.start + Duration::from_secs(index as u64);
        let phase = match at {
            at if at < window.start => WARMUP,
            at if window.contains(at) => MEASUREMENT,
            _ => "drain",
        };
        let latency = latencies.get(index).unwrap_or(&none);
        let figures = [
            row.scheduled,
            row.committed,
            row.shared,
            row.ordering_bytes,
            row.ledger_bytes,
            row.log_bytes,
            row.resident_bytes,
            row.faults,
        ];
        let _ = write!(text, "{index},{phase}");
        let figures = figures.into_iter().map(Some);
        for figure in figures.chain(latency.transactions).chain(latency.shares) {
            let _ = match figure {
                Some(figure) => write!(text, ",{figure}"),
                None => write!(text, ","),
            };
        }
        text.push('\n');
    }
    text
}

const WARMUP: &str = "warmup";
const MEASUREMENT: &str = "measurement";

/// A file that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    heads: Vec<String>,
    /// Rows of cells; `None` is an empty one, or one that is no number.
    rows: Vec<Vec<Option<f64>>>,
    /// Seconds before the measurement, and of it.
    pub warmup: usize,
    /// See `warmup`.
    pub measurement: usize,
}

impl Series {
    /// From the text of a file; a column that it does not have is empty.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let heads: Vec<String> = lines.next().unwrap_or("").split(',').map(str::to_owned).collect();
        let mut series = Self { heads, ..Self::default() };
        let phase = series.place("phase");
        for line in lines.filter(|line| !line.is_empty()) {
            let cells: Vec<&str> = line.split(',').collect();
            match phase.and_then(|phase| cells.get(phase)) {
                Some(&WARMUP) => series.warmup += 1,
                Some(&MEASUREMENT) => series.measurement += 1,
                _ => {}
            }
            series.rows.push(cells.iter().map(|cell| cell.parse().ok()).collect());
        }
        series
    }

    /// How many seconds.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.heads.iter().position(|head| head == name)
    }

    /// A column, a value for each second.
    pub fn column(&self, name: &str) -> Vec<Option<f64>> {
        let place = self.place(name);
        let cell = |row: &Vec<Option<f64>>| row.get(place?).copied().flatten();
        self.rows.iter().map(cell).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metrics, fake};

    #[test]
    fn what_is_written_is_read() {
        let run = fake::run(&fake::plan());
        let metrics = Metrics::of(&run);
        let series = Series::parse(&text(&run, &metrics.seconds));
        assert_eq!((series.len(), series.warmup, series.measurement), (25, 5, 20));
        let committed = series.column("committed");
        assert_eq!((committed[4], committed[14]), (Some(90.0), Some(0.0)));
        let p50 = series.column("transaction_p50_ns");
        assert_eq!(p50[4], metrics.seconds[4].transactions[0].map(|ns| ns as f64));
        assert_eq!(series.column("no such"), vec![None; 25]);
        assert!(Series::parse("").is_empty());
    }
}
