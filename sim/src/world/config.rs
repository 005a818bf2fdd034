//! What replicas and gateways are told when a run begins: who orders, who is where, and each one's own configuration.

#[cfg(feature = "seeded-bugs")]
use super::SeededBug;
use super::{JOURNAL_BYTES_MAX, Options, WorldError};
use crate::plan::Plan;
use crate::population::Population;
use crate::seed::Seed;
use ledger_core::committee::{Committee, Member, ReplicaId, Stake};
use ledger_core::crypto::{SecretKey, SignaturesMade};
use ledger_core::gateway::{Directory, Gateway, Institution};
use ledger_core::protocol::{PROTOCOLS, Tuning};
use ledger_core::replica::ReplicaConfig;
use ledger_core::seam::GatewayId;
use std::sync::Arc;

pub(super) fn committee(
    plan: &Plan,
    seed: &Seed,
    population: &Population,
    made: &SignaturesMade,
) -> Result<(Arc<Committee>, Vec<SecretKey>), WorldError> {
    let keys: Vec<SecretKey> = (0..plan.replicas.len())
        .map(|index| SecretKey::from_seed(seed.bytes32(&format!("replica/{index}/key"))).noted(made))
        .collect();
    let members = keys
        .iter()
        .zip(&plan.replicas)
        .enumerate()
        .map(|(index, (key, replica))| Member {
            name: format!("replica-{index}.{}", plan.network.regions[replica.region]),
            key: key.public(),
            stake: Stake(replica.stake),
        })
        .collect();
    let genesis = population.genesis_ledger().state_root();
    Ok((Arc::new(Committee::new(&genesis.0, members)?), keys))
}

pub(super) fn directory(population: &Population, secret: &dyn Fn(GatewayId) -> [u8; 32]) -> Directory {
    let gateways = (0..population.institutions() as u32).map(GatewayId);
    let institutions = gateways.map(|gateway| {
        let organisation = population.organisation(gateway);
        let wrap_key = Gateway::wrap_key(secret(gateway));
        (organisation, Institution { gateway, wrap_key })
    });
    Directory::new(institutions).expect("institutions of a population are distinct")
}

#[cfg_attr(
    not(feature = "seeded-bugs"),
    allow(unused_variables, reason = "only seeded bugs are options here")
)]
pub(super) fn replica_config(
    plan: &Plan,
    options: &Options,
    committee: &Arc<Committee>,
    population: &Population,
    index: usize,
    key: &SecretKey,
) -> ReplicaConfig {
    let ledger_plan = &plan.ledger;
    let name = match ledger_plan.protocol {
        crate::plan::ProtocolName::Mysticeti => "mysticeti",
    };
    let (_, protocol) =
        PROTOCOLS.iter().find(|(row, _)| *row == name).expect("the plan names protocols of the table");
    #[cfg_attr(not(feature = "seeded-bugs"), allow(unused_mut, reason = "a seeded bug changes it"))]
    let mut ledger = ledger_plan.execution.then(|| population.genesis_ledger());
    #[cfg(feature = "seeded-bugs")]
    for bug in &options.bugs {
        if let (SeededBug::Ledger(bug), Some(ledger)) = (bug, &mut ledger) {
            ledger.seed_bug(*bug);
        }
    }
    ReplicaConfig {
        committee: committee.clone(),
        id: ReplicaId(index as u16),
        key: key.clone(),
        protocol: *protocol,
        tuning: Tuning {
            leaders_per_round: ledger_plan.leaders_per_round,
            leader_timeout: ledger_plan.leader_timeout,
            min_round_interval: ledger_plan.min_round_interval,
            gc_depth: ledger_plan.gc_depth,
            block_bytes_max: ledger_plan.block_bytes_max,
            mempool_bytes_max: ledger_plan.mempool_bytes_max,
            ..Tuning::default()
        },
        checkpoint_interval: ledger_plan.checkpoint_interval,
        journal_bytes_max: JOURNAL_BYTES_MAX,
        ledger,
        forgot: false,
        #[cfg(feature = "seeded-bugs")]
        bug: options.bugs.iter().find_map(|bug| match bug {
            SeededBug::Replica(who, bug) if who.is_none_or(|who| who.index() == index) => Some(*bug),
            SeededBug::Replica(..)
            | SeededBug::Ledger(_)
            | SeededBug::Gateway(_)
            | SeededBug::MixedUpPatients
            | SeededBug::BelieveSignatures
            | SeededBug::TrustTornTail
            | SeededBug::Auditor => None,
        }),
    }
}
