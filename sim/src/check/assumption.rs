//! The assumption under which everything else is promised: replicas that do not do as they should hold no more stake than
//! the protocol tolerates, and at the end a quorum of the others is up and reaches each other. Beyond it a run is still
//! judged, and says so. (Without a quorum liveness alone is lost: safety is promised with any number of crashes.)
//!
//! Faulty is not only who is Byzantine. A replica whose disk is wiped has forgotten what others count on it to keep, and
//! one whose journal rots may take damage to its last flush, which nothing witnesses, for a torn tail, forget what it
//! signed, and sign again.

use super::{Held, Judgement, quorum};
use crate::history::Run;
use ledger_core::committee::{ReplicaId, ReplicaSet};
use ledger_core::seam::Peer;

/// Replicas that are Byzantine at any time of the run.
pub(super) fn byzantine(run: &Run) -> ReplicaSet {
    run.plan.byzantine().map(|replica| ReplicaId(replica as u16)).collect()
}

/// Replicas that are wiped, or whose journal rots, at any time of the run.
fn forgetful(run: &Run) -> ReplicaSet {
    run.plan.wiped().chain(run.plan.rotten()).map(|replica| ReplicaId(replica as u16)).collect()
}

/// Whether a replica cannot be held to what it signed: it is Byzantine, or may have forgotten it and not know so. (One that was
/// wiped knows.)
pub(super) fn may_contradict_itself(run: &Run, replica: ReplicaId) -> bool {
    byzantine(run).contains(replica) || run.plan.rotten().any(|rotten| rotten == replica.index())
}

/// Whether a machine is Byzantine or hostile at any time of the run.
pub(super) fn is_hostile(run: &Run, peer: Peer) -> bool {
    match peer {
        Peer::Replica(replica) => byzantine(run).contains(replica),
        Peer::Gateway(gateway) => run.plan.hostile_gateways().any(|hostile| hostile == gateway.0 as usize),
        Peer::Local => false,
    }
}

/// Whether more is faulty than the protocol tolerates.
pub(super) fn is_exceeded(run: &Run) -> bool {
    run.committee.stake_of(&faulty(run)) > run.committee.faulty_max()
}

fn faulty(run: &Run) -> ReplicaSet {
    let mut faulty = byzantine(run);
    faulty.extend(&forgetful(run));
    faulty
}

pub(super) fn check(run: &Run) -> Judgement {
    let faulty = faulty(run);
    if let Some(why) = quorum::lost(run).filter(|_| !is_exceeded(run)) {
        return Ok(Held::Exceeded(format!("assumption exceeded: {why}; the loss of liveness is expected")));
    }
    if faulty.is_empty() {
        return Ok(Held::NotApplicable("no replica is Byzantine"));
    }
    let (stake, most) = (run.committee.stake_of(&faulty).0, run.committee.faulty_max().0);
    let who = match forgetful(run).is_empty() {
        true => "Byzantine replicas",
        false => "Byzantine, wiped and rotten replicas",
    };
    let counted = format!("{who} hold stake {stake}, and {most} is tolerated");
    if is_exceeded(run) {
        return Ok(Held::Exceeded(format!("assumption exceeded: {counted}")));
    }
    Ok(Held::Passed(counted))
}
