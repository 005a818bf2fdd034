//! The end of a live run: receipts are asked for, replicas are told to stop and heard out, and all of it becomes a
//! [`Run`].

use super::auditor::Shown;
use super::process::{Heard, Told};
use super::{GIVE_UP, Life, Testbed, TestbedError, digest};
use crate::cpu;
use crate::daemon::report::{Figures, Frame};
use crate::history::{NetworkRecord, Run};
use crate::recorder::Last;
use crossbeam_channel::RecvTimeoutError;
use ledger_core::committee::ReplicaId;
use ledger_core::time::{Duration, nanos};

/// Receipts asked of each replica at the end.
const RECEIPTS_SAMPLED: usize = 64;
/// How often replicas that do not end are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

impl Testbed {
    pub(super) fn into_run(
        mut self,
        partial: bool,
        begun: std::time::Instant,
        setup_wall: Duration,
    ) -> Result<Run, TestbedError> {
        let end = self.clock.now();
        let clients_spent = cpu::combine(&self.spent(), &self.spent_before, u64::saturating_sub);
        let receipts = self.receipts();
        // Replicas tell their last while gateways still run: whatever fails now is no longer a part of the run.
        let up: Vec<bool> =
            self.seats.iter().map(|seat| seat.is_up && matches!(seat.life, Life::Running(_))).collect();
        self.stop_replicas()?;
        if let Some(gateways) = self.gateways.take() {
            while let Ok(report) = self.observed.try_recv() {
                self.observe(report);
            }
            gateways.shutdown().map_err(|error| TestbedError::Gateways(error.to_string()))?;
        }
        let elapsed = u128::from(nanos(end.since(self.start)).max(1));
        let mut network = NetworkRecord::default();
        let mut last = Vec::new();
        for (index, seat) in self.seats.iter_mut().enumerate() {
            let used = sum(&seat.before, &seat.figures);
            network.messages[0] += used.datagrams;
            network.bytes[0] += used.bytes_sent;
            network.packets_lost += used.packets_lost;
            network.undelivered += used.shed;
            if let Some(tally) = &mut seat.tally {
                let series = tally.close(self.measured, &mut self.unlisted);
                series
                    .into_iter()
                    .for_each(|row| self.recorder.counted(row.at, row.scheduled, row.committed));
            }
            last.push(Last {
                status: up[index].then(|| seat.figures.status()),
                bytes_sent: used.bytes_sent,
                cpu_ppm: (u128::from(used.cpu_ns) * 1_000_000 / elapsed) as u64,
                journal: used.journal,
                cpu_ns: used.cpu_ns,
                spent: used.spent,
                resident_max: seat.resident_max,
            });
        }
        let unreported: u64 =
            self.seats.iter().map(|seat| seat.before.unreported + seat.figures.unreported).sum();
        if let Some(generator) = &mut self.generator {
            self.recorder.note(generator.finish(self.clock.now()));
        }
        let mut history = self.recorder.finish(last, network);
        history.receipts = receipts;
        history.clients_spent = clients_spent;
        history.unlisted = self.unlisted;
        history.unreported += unreported;
        Ok(Run {
            digest: digest::of(&self.plan, &history),
            committee: self.committee,
            history,
            setting: self.setting,
            start: self.start,
            end,
            events: self.frames,
            wall: begun.elapsed(),
            setup_wall,
            partial,
            plan: self.plan,
        })
    }

    fn receipts(&mut self) -> Vec<Shown> {
        let indices = self.recorder.acknowledged_sample(RECEIPTS_SAMPLED);
        let up = self.seats.iter().enumerate().filter(|(_, seat)| seat.is_up);
        let up: Vec<ReplicaId> = up.map(|(replica, _)| ReplicaId(replica as u16)).collect();
        self.auditor.as_mut().map(|auditor| auditor.ask(&up, &indices)).unwrap_or_default()
    }

    /// Asks all replicas to end, hears their last, and ends those that show no progress.
    fn stop_replicas(&mut self) -> Result<(), TestbedError> {
        let mut running = Vec::new();
        for (replica, seat) in self.seats.iter().enumerate() {
            if let Life::Running(process) = &seat.life {
                // One that is paused hears it when it goes on.
                process.end().and_then(|()| process.resume()).map_err(TestbedError::process(replica))?;
                running.push(replica);
            }
        }
        let mut heard_at = std::time::Instant::now();
        while !running.is_empty() {
            match self.heard.recv_timeout(LOOK_INTERVAL) {
                Ok(Heard { replica, told: Told::Ended(_) }) => running.retain(|one| *one != replica),
                // What a replica measured at its very end says nothing of the run, but its figures do.
                Ok(Heard { replica, told: Told::Frame(frame) }) => {
                    if let Frame::Status(..) | Frame::Committed(..) | Frame::Load(_) = *frame {
                        self.hear(Heard { replica, told: Told::Frame(frame) })?;
                    }
                    heard_at = std::time::Instant::now();
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if heard_at.elapsed() > GIVE_UP {
                for replica in std::mem::take(&mut running) {
                    if let Life::Running(process) = &mut self.seats[replica].life {
                        process.kill().map_err(TestbedError::process(replica))?;
                    }
                }
            }
        }
        for (replica, seat) in self.seats.iter_mut().enumerate() {
            if let Life::Running(process) = &mut seat.life {
                process.wait().map_err(TestbedError::process(replica))?;
            }
        }
        Ok(())
    }
}

/// Cumulative figures of two processes of one replica; the rest is the later one's.
pub(super) fn sum(before: &Figures, later: &Figures) -> Figures {
    let mut journal = later.journal;
    // Appends and what is held are the journal's, which outlives processes; bytes and syncs are a process's.
    journal[1] += before.journal[1];
    journal[2] += before.journal[2];
    Figures {
        cpu_ns: before.cpu_ns + later.cpu_ns,
        spent: cpu::combine(&before.spent, &later.spent, |before, later| before + later),
        datagrams: before.datagrams + later.datagrams,
        bytes_sent: before.bytes_sent + later.bytes_sent,
        packets_lost: before.packets_lost + later.packets_lost,
        shed: before.shed + later.shed,
        unreported: before.unreported + later.unreported,
        journal,
        ..*later
    }
}
