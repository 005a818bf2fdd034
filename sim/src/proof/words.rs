//! What was proven, in plain words. Every word follows from the proven bytes.

use crate::report::units;
use ledger_core::audit::{Asked, Checkpoint, PatientAudit, ProvenAccess, Receipt};
use ledger_core::committee::Committee;
use ledger_core::ledger::transaction::{Answer, Outcome};
use ledger_core::time::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Of a checkpoint.
pub fn checkpoint(checkpoint: &Checkpoint, committee: &Committee) -> String {
    let body = &checkpoint.body;
    let signers: Vec<&str> = checkpoint
        .signatures
        .iter()
        .filter_map(|(replica, _)| committee.member(*replica).map(|member| member.name.as_str()))
        .collect();
    let (signed, all) = (signers.len(), committee.size());
    format!(
        "  chain    {}\n  signed   by {signed} of {all} replicas, a quorum: {}\n  log      {} entries after commit {}, root {}\n  \
         state    root {}\n",
        body.chain.0,
        signers.join(", "),
        units::count(body.size),
        body.commit,
        body.root,
        body.state_root,
    )
}

/// Of a receipt.
pub fn receipt(receipt: &Receipt) -> String {
    let entry = &receipt.entry;
    let mut text = format!(
        "  entry    {} of the log\n  what     transaction {}\n  who      party {}\n  when     {} after genesis, in commit {}\n",
        receipt.index,
        entry.transaction,
        entry.actor.0,
        moment(entry.commit_time),
        entry.commit,
    );
    text.push_str(&answers(&entry.answers));
    text
}

/// Of the answers of one entry, a line each.
pub fn answers(answers: &[Answer]) -> String {
    let mut text = String::new();
    for answer in answers {
        let _ = write!(text, "  answer   {}", outcome(answer.outcome));
        if let Some(decision) = answer.decision {
            let _ = write!(
                text,
                "; decision {} about the records of party {}",
                decision.counter, decision.patient.0
            );
        }
        text.push('\n');
    }
    text
}

/// Of all accesses to a patient's records.
pub fn accesses(audit: &PatientAudit, proven: &[ProvenAccess], name: &dyn Fn(u32) -> String) -> String {
    let mut text =
        format!("{:>4}  {:>9}  {:>7}  {:16}  {:9}  decision\n", "no.", "when", "entry", "why", "record");
    for row in proven {
        let _ = writeln!(
            text,
            "{:>4}  {:>9}  {:>7}  {:16}  {:9}  {}\n      {} for {}",
            row.counter,
            moment(row.at),
            row.index,
            why(&row.asked),
            row.record.0,
            outcome(row.outcome),
            name(row.actor.0),
            name(row.organisation.0),
        );
    }
    let body = &audit.checkpoint.body;
    let _ = writeln!(
        text,
        "nothing is left out: {} decisions, numbered 1 to {} without a gap, and the state that the quorum signed after \
         commit {} counts {}",
        proven.len(),
        proven.len(),
        body.commit,
        proven.len(),
    );
    text
}

/// One decision for programs.
pub fn decision_json(row: &ProvenAccess) -> Value {
    let (decision, refusal, until) = match row.outcome {
        Outcome::Permitted { until, .. } => ("permit", Value::Null, json!(until.0)),
        Outcome::Refused(refusal) => ("refuse", json!(format!("{refusal:?}")), Value::Null),
        other => ("other", json!(outcome(other)), Value::Null),
    };
    let (consent, reason) = match row.asked {
        Asked::Purpose { consent, .. } => (consent.map(|consent| consent.0), None),
        Asked::BreakGlass { reason, .. } => (None, Some(reason.to_string())),
    };
    json!({
        "counter": row.counter,
        "at_ns": row.at.0,
        "commit": row.commit,
        "transaction": row.transaction.to_string(),
        "who": row.actor.0,
        "for": row.organisation.0,
        "record": row.record.0,
        "why": why(&row.asked),
        "consent": consent,
        "reason": reason,
        "decision": decision,
        "refusal": refusal,
        "until_ns": until,
    })
}

fn why(asked: &Asked) -> String {
    match asked {
        Asked::Purpose { purpose, .. } => format!("{purpose:?}"),
        Asked::BreakGlass { .. } => "break-glass".to_owned(),
    }
}

/// An instant of the run's time.
pub fn moment(at: Timestamp) -> String {
    format!("{}.{:03} s", at.0 / 1_000_000_000, at.0 / 1_000_000 % 1_000)
}

/// What an action did.
pub fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::PartyRegistered(party) => format!("party {} is registered", party.0),
        Outcome::CredentialRevoked(party) => format!("the credential of party {} is revoked", party.0),
        Outcome::RecordRegistered(record) => format!("record {} is registered", record.0),
        Outcome::ConsentRegistered(consent) => format!("consent {} is registered", consent.0),
        Outcome::ConsentRevoked(consent) => format!("consent {} is withdrawn", consent.0),
        Outcome::Permitted { until, record, custodian, .. } => {
            format!("permitted: record {} of custodian {}, until {}", record.0, custodian.0, moment(until))
        }
        Outcome::Reviewed(access) => format!("break-glass access {} is reviewed", access.0),
        Outcome::Refused(refusal) => format!("refused: {refusal:?}"),
        Outcome::DelegationRegistered(delegation) => format!("delegation {} is registered", delegation.0),
        Outcome::KeyRewrapped(record) => format!("the key of record {} is wrapped to a grantee", record.0),
        Outcome::KeyRotated { record, epoch } => {
            format!("record {} has its key number {}", record.0, u64::from(epoch) + 1)
        }
        Outcome::KeyShredded(record) => format!("the key of record {} is given up for good", record.0),
        Outcome::Trial(outcome) => format!("clinical trial: {outcome:?}"),
        Outcome::Supply(outcome) => format!("drug supply: {outcome:?}"),
        Outcome::Telemedicine(outcome) => format!("telemedicine: {outcome:?}"),
        Outcome::Claim(outcome) => format!("insurance: {outcome:?}"),
    }
}
