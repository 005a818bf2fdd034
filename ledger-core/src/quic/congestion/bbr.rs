//! BBR, version 1: draft-cardwell-iccrg-bbr-congestion-control-00, in integers.
//!
//! A [`Path`] is measured: the largest rate of delivery of the last ten round trips, and the least round trip of the
//! last ten seconds. Their product is what fills the pipe and no queue. [`Mode::Startup`] doubles until the rate grows no
//! more, [`Mode::Drain`] lets the queue that this has left go, [`Mode::ProbeBandwidth`] asks for a quarter more in one of eight round
//! trips and gives it back in the next, and [`Mode::ProbeRtt`] makes itself small for 200 ms when it has not seen the least
//! round trip for ten seconds. A loss now and then slows nothing down.
//!
//! Deviations from the draft:
//!
//! * A controller of quinn-proto has no say in the pace, so the gains bear on the window: 1 or 5/4 of the pipe in flight,
//!   where the draft paces at these gains below a window of twice the pipe.
//! * From draft-cardwell-iccrg-bbr-congestion-control-02: acknowledgements that come in lumps are allowed for
//!   (`extra_acked`), without which jitter starves; and only when more than 2 % of a round trip's bytes are lost
//!   ([`overflows`](Bbr::overflows)) does Startup end, and is no more sent than acknowledged for the next round trip. The first
//!   version conserves after every loss, which its pace makes up for.
//! * A sender that had little to send makes no probe for the round trip: its packets have met no queue of its own.

mod path;

use super::{Algorithm, WINDOW_MAX};
use crate::time::{Duration, Timestamp};
use path::{Path, Sample};

/// Datagrams of the least window (`BBRMinPipeCwnd`).
const DATAGRAMS_MIN: u64 = 4;
/// Datagrams beyond the pipe, for acknowledgements that come for two packets at a time and for what is being sent.
const DATAGRAMS_SPARE: u64 = 3;
/// Windows in the phases of [`Mode::ProbeBandwidth`], percent of the pipe.
const PHASES: [u64; 8] = [125, 75, 100, 100, 100, 100, 100, 100];
/// Window of Startup, percent of the pipe: the measured rate is a round trip old, and may double in one.
const STARTUP_PERCENT: u64 = 200;
/// Round trips in which the rate has not grown by a quarter, after which the pipe is full.
const PLATEAU_ROUNDS: u32 = 3;
/// Losses of a round trip are a full queue's from so many datagrams, and this part of all, the 50th (`BBRLossThresh`).
const LOST_MIN: u64 = 6;
const LOST_PART: u64 = 50;
/// How long [`Mode::ProbeRtt`] stays small.
const PROBE_RTT: Duration = Duration::from_millis(200);

#[derive(Clone)]
pub(super) struct Bbr {
    mtu: u64,
    initial: u64,
    window: u64,
    path: Path,
    mode: Mode,
    /// State of the generator that chooses the first phase.
    random: u64,
    /// The rate at which Startup last saw it grow, and round trips since.
    plateau: (u64, u32),
    /// Whether Startup has found the pipe's width.
    full: bool,
    recovery: Option<Recovery>,
    /// Bytes lost in this round trip, and acknowledged before it.
    lost: u64,
    delivered_before: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Startup,
    Drain,
    ProbeBandwidth {
        phase: usize,
        since: Timestamp,
    },
    /// `until` is known once little is in flight: the moment, and the round trip that must have ended too.
    ProbeRtt {
        window_before: u64,
        until: Option<(Timestamp, u64)>,
    },
}

/// Until what was sent after a full queue's losses is acknowledged.
#[derive(Clone, Copy)]
struct Recovery {
    began: Timestamp,
    /// The last round trip in which no more is sent than acknowledged.
    conserve: u64,
    window_before: u64,
}

impl Bbr {
    pub fn new(window: u64, mtu: u64, seed: u64) -> Self {
        let window = window.max(DATAGRAMS_MIN * mtu);
        Self {
            mtu,
            initial: window,
            window,
            path: Path::default(),
            mode: Mode::Startup,
            random: seed,
            plateau: (0, 0),
            full: false,
            recovery: None,
            lost: 0,
            delivered_before: 0,
        }
    }

    fn least(&self) -> u64 {
        DATAGRAMS_MIN * self.mtu
    }

    /// So much of the pipe, and what acknowledgements in lumps need beside it.
    fn target(&self, percent: u64) -> u64 {
        let Some(pipe) = self.path.pipe() else { return self.initial };
        let pipe = u64::try_from(u128::from(pipe) * u128::from(percent) / 100).unwrap_or(u64::MAX);
        let spare = DATAGRAMS_SPARE * self.mtu + self.path.extra_acked();
        pipe.saturating_add(spare).clamp(self.least(), WINDOW_MAX)
    }

    /// A number below `bound`: SplitMix64 (Steele, Lea and Flood, 2014).
    fn draw(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * u128::from(bound)) >> 64) as u64
    }

    /// Any phase but the one that gives back what was not taken, so that many senders do not probe at once.
    fn probe_bandwidth(&mut self, now: Timestamp) -> Mode {
        let drawn = self.draw(PHASES.len() as u64 - 1) as usize;
        Mode::ProbeBandwidth { phase: if drawn == 0 { 0 } else { drawn + 1 }, since: now }
    }

    /// At the end of a round trip: does Startup still find more?
    fn look_for_plateau(&mut self, sample: &Sample) {
        let overflowed = self.overflows();
        (self.lost, self.delivered_before) = (0, self.path.delivered());
        if self.full || sample.idle {
            return;
        }
        let bandwidth = self.path.bandwidth();
        let (grown_to, rounds) = &mut self.plateau;
        if bandwidth >= grown_to.saturating_add(*grown_to / 4) {
            (*grown_to, *rounds) = (bandwidth, 0);
        } else {
            *rounds += 1;
        }
        self.full = overflowed || *rounds >= PLATEAU_ROUNDS;
    }

    /// Whether more is lost in this round trip than chance explains.
    fn overflows(&self) -> bool {
        let all = self.lost.saturating_add(self.path.delivered() - self.delivered_before);
        self.lost >= LOST_MIN * self.mtu && self.lost > all / LOST_PART
    }

    fn next_mode(&mut self, now: Timestamp, in_flight: u64, sample: &Sample) {
        if sample.rtt_expired && !sample.idle && !matches!(self.mode, Mode::ProbeRtt { .. }) {
            self.mode = Mode::ProbeRtt { window_before: self.window, until: None };
        }
        match self.mode {
            Mode::Startup if self.full => self.mode = Mode::Drain,
            Mode::Startup => {}
            Mode::Drain => {
                if in_flight <= self.target(100) {
                    self.mode = self.probe_bandwidth(now);
                }
            }
            Mode::ProbeBandwidth { phase, since } => {
                let over = now.since(since) > self.path.rtt_min();
                let next = match PHASES[phase] {
                    // As long as it takes to have that much in flight, unless somebody drops it.
                    125 => {
                        let reached = in_flight + sample.acked + 2 * self.mtu >= self.target(125);
                        over && (self.lost > 0 || reached)
                    }
                    75 => over || in_flight <= self.target(100),
                    _ => over,
                };
                if next {
                    self.mode = Mode::ProbeBandwidth { phase: (phase + 1) % PHASES.len(), since: now };
                }
            }
            Mode::ProbeRtt { window_before, until: None } => {
                if in_flight <= self.least() {
                    let until = Some((now + PROBE_RTT, self.path.round() + 1));
                    self.mode = Mode::ProbeRtt { window_before, until };
                }
            }
            Mode::ProbeRtt { window_before, until: Some((until, round)) } => {
                if now >= until && self.path.round() >= round {
                    self.path.rtt_probed(now);
                    self.window = self.window.max(window_before);
                    self.mode = if self.full { self.probe_bandwidth(now) } else { Mode::Startup };
                }
            }
        }
    }

    fn set_window(&mut self, in_flight: u64, acked: u64) {
        let conserves = self.recovery.is_some_and(|recovery| self.path.round() <= recovery.conserve);
        let grown = self.window.saturating_add(acked);
        self.window = match self.mode {
            Mode::ProbeRtt { .. } => self.window.min(self.least()),
            _ if conserves => self.window.max(in_flight.saturating_add(acked)),
            Mode::Startup if self.window < self.target(STARTUP_PERCENT) => grown,
            Mode::Startup => self.window,
            Mode::Drain => grown.min(self.target(100)),
            Mode::ProbeBandwidth { phase, .. } => grown.min(self.target(PHASES[phase])),
        }
        .clamp(self.least(), WINDOW_MAX);
    }
}

impl Algorithm for Bbr {
    fn on_sent(&mut self, now: Timestamp, bytes: u64) {
        self.path.sent(now, bytes);
    }

    fn on_ack(&mut self, now: Timestamp, sent: Timestamp, bytes: u64, _idle: bool, _smoothed_rtt: Duration) {
        self.path.acked(now, sent, bytes);
        if let Some(recovery) = self.recovery
            && sent > recovery.began
        {
            self.recovery = None;
            self.window = self.window.max(recovery.window_before);
        }
    }

    fn on_acks_end(&mut self, now: Timestamp, in_flight: u64, idle: bool) {
        let sample = self.path.acks_end(now, in_flight, idle, self.window);
        if sample.round_began {
            self.look_for_plateau(&sample);
        }
        self.next_mode(now, in_flight, &sample);
        self.set_window(in_flight, sample.acked);
    }

    fn on_congestion(&mut self, now: Timestamp, sent: Timestamp, persistent: bool, lost: u64) {
        self.lost = self.lost.saturating_add(lost);
        let in_flight = self.path.lost(lost);
        if persistent {
            self.recovery = None;
            self.window = self.least();
        } else if self.overflows() && self.recovery.is_none_or(|recovery| sent > recovery.began) {
            let window_before =
                self.recovery.map_or(self.window, |recovery| recovery.window_before.max(self.window));
            self.recovery = Some(Recovery { began: now, conserve: self.path.round() + 1, window_before });
            self.window = self.window.min(in_flight.saturating_add(self.mtu)).max(self.least());
        }
    }

    fn on_mtu(&mut self, mtu: u64) {
        self.mtu = mtu;
        self.window = self.window.max(self.least());
    }

    fn window(&self) -> u64 {
        self.window
    }

    fn threshold(&self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests;
