//! A replica driven by hand over the seam: what goes in, what comes out, and who does the work in between. There is no
//! simulator, no thread and no socket here; the driver is this file.

use ledger_core::codec::Blob;
use ledger_core::committee::{Committee, Member, ReplicaId, Stake};
use ledger_core::crypto::{BatchVerifier, SecretKey};
use ledger_core::message::{Message, Reply, Request};
use ledger_core::protocol::{PROTOCOLS, Tuning};
use ledger_core::replica::{Replica, ReplicaConfig};
use ledger_core::seam::{Input, JournalPosition, Machine, Output, Peer};
use ledger_core::time::Timestamp;
use std::error::Error;
use std::sync::Arc;

const PAYLOADS: [&[u8]; 3] = [b"first", b"second", b"third"];

fn main() -> Result<(), Box<dyn Error>> {
    // One replica is a committee of its own. Keys are seeds: the core has no entropy.
    let key = SecretKey::from_seed([7; 32]);
    let member = Member { name: "alone".into(), key: key.public(), stake: Stake(1) };
    let committee = Arc::new(Committee::new(b"an example", vec![member])?);
    let config = ReplicaConfig {
        committee: committee.clone(),
        id: ReplicaId(0),
        key,
        protocol: PROTOCOLS[0].1,
        tuning: Tuning::default(),
        checkpoint_interval: 1,
        journal_bytes_max: 1 << 20,
        ledger: None, // order, and execute nothing
        forgot: false,
        #[cfg(feature = "seeded-bugs")]
        bug: None,
    };
    let mut now = Timestamp::ZERO;
    let mut replica = Replica::new(config, now, JournalPosition(0), Vec::new())?;
    for payload in PAYLOADS {
        let submit = Message::Request(Request::Submit(Blob::new(payload).ok_or("a payload is too long")?));
        replica.handle(now, Input::Message { from: Peer::Local, bytes: submit.encode() });
    }
    let mut ordered = 0;
    while ordered < PAYLOADS.len() {
        while let Some(output) = replica.poll_output() {
            match output {
                // Stateless work leaves the machine, and comes back: a live driver gives it to a thread.
                Output::Verify(job, work) => {
                    let finding = work.run(&committee, &mut BatchVerifier);
                    replica.handle(now, Input::Verified(job, finding));
                }
                // A disk that is always quick. What waits for the write goes out after this.
                Output::Persist { position, sync: true, .. } => {
                    println!("{:>6} us  on disk up to {}", now.0 / 1_000, position.0);
                    replica.handle(now, Input::Durable(position));
                }
                Output::Send { to: Peer::Local, bytes, .. } => {
                    let Message::Reply(Reply::Ordered { commit, .. }) = Message::decode(&bytes)? else {
                        continue;
                    };
                    println!("{:>6} us  ordered in commit {commit}", now.0 / 1_000);
                    ordered += 1;
                }
                _ => {}
            }
        }
        // Time is an argument: nobody waits.
        now = replica.poll_timeout().map_or(now, |at| at.max(now));
        replica.handle_timeout(now);
    }
    Ok(())
}
