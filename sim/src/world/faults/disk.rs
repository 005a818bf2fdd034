//! Disks that stall, are full, or lose bits.

use crate::host::disk::Trouble;
use crate::host::journal::{self, Damage, Flip, Owner};
use crate::network::HostId;
#[cfg(feature = "seeded-bugs")]
use crate::world::SeededBug;
use crate::world::{Event, World};
use ledger_core::crypto::Digest;
use ledger_core::live::journal::JournalError;

impl World {
    pub(super) fn begin_trouble(&mut self, replicas: &[usize], trouble: Trouble) {
        replicas.iter().for_each(|replica| self.nodes[*replica].disk.begin(trouble));
    }

    pub(super) fn end_trouble(&mut self, replicas: &[usize], trouble: Trouble) {
        for &replica in replicas {
            let (host, node) = (HostId(replica as u32), &mut self.nodes[replica]);
            if let Some(done) = node.disk.end_of(trouble, self.now) {
                self.queue.push(done, Event::Synced { host, incarnation: node.incarnation });
            }
            if node.boot_waits && !node.disk.has_trouble() {
                node.boot_waits = false;
                self.restart_now(host);
            }
        }
    }

    pub(super) fn rot(&mut self, fault: usize, replicas: &[usize], bits: u64) {
        let mut stream = self.seed.stream(&format!("fault/{fault}/rot"));
        for &replica in replicas {
            let node = &mut self.nodes[replica];
            node.flips.extend((0..bits).map(|_| Flip::draw(&node.disk, &mut stream)));
        }
    }

    /// Looks at a disk that something happened to, with the live journal's eyes.
    pub(in crate::world) fn open_journal(&mut self, host: HostId) -> Result<(), JournalError> {
        let node = &mut self.nodes[host.index()];
        if !node.disk.is_torn() && node.flips.is_empty() {
            return Ok(());
        }
        let chain = self.committee.chain();
        let name = format!("disk/{}/{}", host.0, node.incarnation);
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.seed.bytes32(&format!("{name}/salt"))[..16]);
        let owner = Owner {
            identity: Digest::sha256(&[&chain.0.0, &(host.0 as u16).to_le_bytes()]).0,
            salt,
            #[cfg(feature = "seeded-bugs")]
            believes: self.bugs.iter().any(|bug| matches!(bug, SeededBug::TrustTornTail)),
        };
        let torn = self.seed.stream(&format!("{name}/torn"));
        let found = journal::open(&node.disk, owner, Damage { torn, flips: &node.flips })?;
        node.disk.recovered(found);
        node.flips.clear();
        Ok(())
    }
}
