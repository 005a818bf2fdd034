//! A BFT-ordered ledger for health-record interoperability, as two sans-IO machines.
//!
//! A [`Replica`](replica::Replica) orders bytes, executes them, keeps the audit log and makes receipts. A
//! [`Gateway`](gateway::Gateway) is an institution's side: it seals documents, signs and submits transactions, asks
//! for and releases keys, transfers documents, and verifies receipts. Both implement [`Machine`](seam::Machine): `now`
//! and an [`Input`](seam::Input) go in, [`Output`](seam::Output)s come out. Nothing here knows a clock, a socket, a
//! file, a thread or entropy, so the simulator and a live driver run the same code.
//!
//! One replica, driven by hand: it orders a payload as soon as its driver has run its jobs and synced its journal.
//!
//! ```
//! use ledger_core::codec::Blob;
//! use ledger_core::committee::{Committee, Member, ReplicaId, Stake};
//! use ledger_core::crypto::{BatchVerifier, SecretKey};
//! use ledger_core::message::{Message, Reply, Request};
//! use ledger_core::protocol::{PROTOCOLS, Tuning};
//! use ledger_core::replica::{Replica, ReplicaConfig};
//! use ledger_core::seam::{Input, JournalPosition, Machine, Output, Peer};
//! use ledger_core::time::Timestamp;
//! use std::sync::Arc;
//!
//! let key = SecretKey::from_seed([7; 32]);
//! let member = Member { name: "alone".into(), key: key.public(), stake: Stake(1) };
//! let committee = Arc::new(Committee::new(b"an example", vec![member]).unwrap());
//! let config = ReplicaConfig {
//!     committee: committee.clone(),
//!     id: ReplicaId(0),
//!     key,
//!     protocol: PROTOCOLS[0].1,
//!     tuning: Tuning::default(),
//!     checkpoint_interval: 1,
//!     journal_bytes_max: 1 << 20,
//!     ledger: None, // order only
//!     forgot: false,
//!     # #[cfg(feature = "seeded-bugs")]
//!     # bug: None,
//! };
//! let mut now = Timestamp::ZERO;
//! let mut replica = Replica::new(config, now, JournalPosition(0), Vec::new()).unwrap();
//! let submit = Message::Request(Request::Submit(Blob::new(&b"order me"[..]).unwrap()));
//! replica.handle(now, Input::Message { from: Peer::Local, bytes: submit.encode() });
//!
//! let ordered = 'run: loop {
//!     while let Some(output) = replica.poll_output() {
//!         match output {
//!             Output::Verify(job, work) => {
//!                 let finding = work.run(&committee, &mut BatchVerifier);
//!                 replica.handle(now, Input::Verified(job, finding));
//!             }
//!             Output::Persist { position, sync: true, .. } => replica.handle(now, Input::Durable(position)),
//!             Output::Send { to: Peer::Local, bytes, .. } => match Message::decode(&bytes).unwrap() {
//!                 Message::Reply(Reply::Ordered { commit, .. }) => break 'run commit,
//!                 other => panic!("{other:?}"),
//!             },
//!             _ => {}
//!         }
//!     }
//!     now = replica.poll_timeout().expect("a replica always wants to go on").max(now);
//!     replica.handle_timeout(now);
//! };
//! assert!(ordered >= 1);
//! ```
pub mod audit;
pub mod block;
pub mod codec;
pub mod committee;
pub mod crypto;
pub mod gateway;
pub mod ledger;
#[cfg(feature = "live")]
pub mod live;
pub mod message;
pub mod protocol;
#[cfg(feature = "quic")]
pub mod quic;
pub mod replica;
#[doc = include_str!("../PRIVACY.md")]
pub mod privacy {}
pub mod seal;
pub mod seam;
pub mod time;
pub mod work;
