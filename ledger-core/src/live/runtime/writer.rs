//! The journal's thread: takes entries as they come, makes all that are there durable at once, and says so.

use super::machines::Answer;
use crate::live::LiveError;
use crate::live::journal::{Journal, JournalError, Storage};
use crate::live::status::Shared;
use crate::seam::{Input, JournalEntry, JournalPosition};
use crate::time::Duration;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that are made durable even if nobody waits for them.
const UNSYNCED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes that are worth writing ahead, so that whoever waits for a sync waits for less.
const UNWRITTEN_BYTES_MAX: usize = 128 * 1024;
/// Between two attempts to write to a full disk.
const FULL_PAUSE: Duration = Duration::from_millis(200);

/// What the machine wants of its journal.
pub(in crate::live) enum JournalOp {
    Persist { entry: JournalEntry, sync: bool },
    Truncate(JournalPosition),
}

/// What a journal thread is given.
pub(in crate::live) struct Writer<S: Storage> {
    pub journal: Journal<S>,
    pub ops: Receiver<Vec<JournalOp>>,
    pub answers: Sender<Answer>,
    /// Bytes of entries that the machine has yielded and that are not durable yet.
    pub backlog: Arc<AtomicUsize>,
    pub shared: Arc<Shared>,
}

impl<S: Storage> Writer<S> {
    /// Until the machine has hung up; then everything is made durable.
    pub fn run(mut self) -> Result<(), JournalError> {
        let mut waited_for = false;
        let mut truncate = None;
        let mut full = false;
        loop {
            let first = if full {
                self.ops.recv_timeout(FULL_PAUSE)
            } else {
                self.ops.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            let open = !matches!(first, Err(RecvTimeoutError::Disconnected));
            for op in first.into_iter().chain(self.ops.try_iter()).flatten() {
                match op {
                    JournalOp::Persist { entry, sync } => {
                        self.journal.append(entry);
                        waited_for |= sync;
                    }
                    JournalOp::Truncate(before) => truncate = Some(before),
                }
            }
            if !open {
                return self.close();
            }
            if waited_for || full || self.journal.pending_bytes() >= UNSYNCED_BYTES_MAX {
                match self.flush() {
                    Ok(()) if full => {
                        full = false;
                        self.tell_full(false);
                    }
                    Ok(()) => {}
                    Err(error @ JournalError::OutOfSpace { .. }) => {
                        if !full {
                            tracing::error!(%error, "disk full: accepting nothing until there is space");
                            full = true;
                            self.tell_full(true);
                        }
                        continue;
                    }
                    Err(error) => {
                        tracing::error!(%error, "the journal failed: stopping");
                        self.shared.fail(LiveError::Journal(error));
                        let _ = self.answers.send(Answer::JournalFailed);
                        return Ok(());
                    }
                }
                waited_for = false;
            } else if self.journal.unwritten_bytes() >= UNWRITTEN_BYTES_MAX {
                self.journal.write();
            }
            if let Some(before) = truncate.take()
                && let Err(error) = self.journal.truncate(before)
            {
                // What should be gone is still there: the next attempt includes it.
                tracing::warn!(%error, "deleting old segments failed");
            }
        }
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        let bytes = self.journal.pending_bytes();
        let durable = self.journal.flush()?;
        self.backlog.fetch_sub(bytes, Ordering::AcqRel);
        self.shared.publish_journal(durable, self.journal.totals());
        // A machine that is gone waits for nothing.
        let _ = self.answers.send(Answer::Input(0, Input::Durable(durable)));
        Ok(())
    }

    fn tell_full(&self, full: bool) {
        if !full {
            tracing::info!("there is space again: accepting");
        }
        self.shared.set_disk_full(full);
        let _ = self.answers.send(Answer::DiskFull(full));
    }

    fn close(self) -> Result<(), JournalError> {
        self.journal.close()
    }
}
