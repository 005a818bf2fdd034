//! Runs with somebody who looks on: an auditor, a witness of what clients ask, a tap on what replicas are sent, observers of
//! everything. None of them changes a run.

use super::archive::{Archive, ArchiveError};
use super::observer::Observer;
use super::scene::Scene;
use super::witness::Witness;
use super::{Options, WorldError, play};
use crate::history::{Control, Progress, Run};
use crate::plan::Plan;
use bytes::Bytes;
use ledger_core::audit::PatientAudit;
use ledger_core::committee::ReplicaId;
use ledger_core::ledger::transaction::PartyId;
use ledger_core::seam::Peer;
use ledger_core::time::Timestamp;

/// Is shown every message that is on its way to a replica: from whom, to whom, its bytes.
pub type Tap = Box<dyn FnMut(Peer, ReplicaId, &Bytes)>;

/// Who looks on while a run is played; none of them changes it.
#[derive(Default)]
pub(super) struct Onlookers {
    /// Whose accesses an auditor follows.
    pub patient: Option<PartyId>,
    pub witness: Option<Box<dyn Witness>>,
    pub tap: Option<Tap>,
    pub observers: Vec<Box<dyn Observer>>,
    /// Ends it there.
    pub until: Option<Timestamp>,
    /// How everything stands at the end is asked.
    pub looks: bool,
}

/// What a run yields to whom.
pub(super) struct Played {
    pub run: Run,
    pub archive: Option<Archive>,
    pub scene: Scene,
}

/// Like [`run_with`](super::run_with), and every message to a replica is shown to `tap`.
pub fn run_tapped(plan: &Plan, options: &Options, tap: Tap) -> Result<Run, WorldError> {
    let onlookers = Onlookers { tap: Some(tap), ..Onlookers::default() };
    Ok(play(plan, options, onlookers, &mut |_| Control::Continue)?.run)
}

/// Like [`run_with`](super::run_with), with an auditor who follows it and proves every access to a patient's records.
pub fn run_audited(
    plan: &Plan,
    options: &Options,
    patient: PartyId,
    watch: &mut dyn FnMut(&Progress) -> Control,
) -> Result<(Run, Result<PatientAudit, ArchiveError>), WorldError> {
    let Played { run, archive, .. } =
        play(plan, options, Onlookers { patient: Some(patient), ..Onlookers::default() }, watch)?;
    Ok((run, archive.map_or(Err(ArchiveError::NothingExecuted), Archive::finish)))
}

/// Like [`run_with`](super::run_with), before a witness.
pub fn run_witnessed(
    plan: &Plan,
    options: &Options,
    witness: Box<dyn Witness>,
    watch: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Run, WorldError> {
    Ok(play(plan, options, Onlookers { witness: Some(witness), ..Onlookers::default() }, watch)?.run)
}

/// Like [`run_with`](super::run_with), before observers, to its end or up to an instant; and how everything stood there.
pub fn run_observed(
    plan: &Plan,
    options: &Options,
    (observers, until): (Vec<Box<dyn Observer>>, Option<Timestamp>),
    watch: &mut dyn FnMut(&Progress) -> Control,
) -> Result<(Run, Scene), WorldError> {
    let onlookers = Onlookers { observers, until, looks: true, ..Onlookers::default() };
    let Played { run, scene, .. } = play(plan, options, onlookers, watch)?;
    Ok((run, scene))
}
