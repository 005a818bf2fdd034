//! Which replica to ask first.

use crate::committee::ReplicaId;
use crate::time::{Duration, Timestamp};

/// New questions go to `current`, which moves on when it is silent. While it is not the home replica, one question in
/// every `probe` goes home, and an answer from there brings the others back.
#[derive(Debug)]
pub(super) struct Contact {
    home: ReplicaId,
    size: u16,
    current: ReplicaId,
    probe: Duration,
    probe_at: Timestamp,
}

impl Contact {
    pub(super) fn new(home: ReplicaId, size: usize, probe: Duration) -> Self {
        Self { home, size: size as u16, current: home, probe, probe_at: Timestamp::ZERO }
    }

    /// Whom to ask a new question.
    pub(super) fn choose(&mut self, now: Timestamp) -> ReplicaId {
        if self.current != self.home && now >= self.probe_at {
            self.probe_at = now + self.probe;
            return self.home;
        }
        self.current
    }

    /// Whom new questions go to.
    pub(super) fn current(&self) -> ReplicaId {
        self.current
    }

    /// Whom to ask next after a replica.
    pub(super) fn after(&self, replica: ReplicaId) -> ReplicaId {
        ReplicaId((replica.0 + 1) % self.size)
    }

    /// A replica did not answer, or answered wrongly.
    pub(super) fn failed(&mut self, now: Timestamp, replica: ReplicaId) {
        if replica == self.home {
            self.probe_at = now + self.probe;
        }
        if replica == self.current {
            self.current = self.after(replica);
        }
    }

    /// A replica gave a verified answer.
    pub(super) fn answered(&mut self, replica: ReplicaId) {
        if replica == self.home {
            self.current = replica;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_is_left_when_silent_and_probed_until_it_answers() {
        let at = |seconds| Timestamp::after_genesis(Duration::from_secs(seconds));
        let (home, next) = (ReplicaId(3), ReplicaId(0));
        let mut contact = Contact::new(home, 4, Duration::from_secs(5));
        assert_eq!(contact.choose(at(1)), home);
        contact.failed(at(2), home);
        contact.failed(at(2), home);
        assert_eq!([contact.choose(at(2)), contact.choose(at(6))], [next, next]);
        assert_eq!([contact.choose(at(7)), contact.choose(at(8))], [home, next]);
        contact.failed(at(9), home);
        assert_eq!([contact.choose(at(13)), contact.choose(at(14))], [next, home]);
        contact.answered(home);
        assert_eq!(contact.choose(at(14)), home);
    }
}
