//! Leader slots in words: the votes and certificates are those that the commit rule counted.

use ledger_core::block::BlockRef;
use ledger_core::committee::{Committee, ReplicaSet};
use ledger_core::protocol::{Fate, Rule, SlotAccount};
use serde_json::{Value, json};

/// A block, for people.
pub fn name(block: &BlockRef) -> String {
    format!("{}'s block of round {}", block.author, block.round.0)
}

fn members(set: &ReplicaSet) -> String {
    match set.is_empty() {
        true => "nobody".to_owned(),
        false => set.iter().map(|replica| replica.to_string()).collect::<Vec<_>>().join(", "),
    }
}

/// How much stake a set has, of what is needed.
fn counted(set: &ReplicaSet, committee: &Committee) -> String {
    format!("stake {}, {} needed", committee.stake_of(set).0, committee.quorum().0)
}

/// Why a slot has its fate.
pub fn words(account: &SlotAccount, committee: &Committee) -> Vec<String> {
    let (voting, certifying) = (account.round.next().0, account.round.next().next().0);
    let slot = format!("slot {} of round {} ({})", account.slot, account.round.0, account.leader);
    let anchor = |anchor: &Option<BlockRef>| anchor.as_ref().map_or("a later leader".to_owned(), name);
    let mut sentences = vec![match &account.fate {
        Fate::Committed { rule: Rule::Direct, .. } => format!("{slot} was committed directly"),
        Fate::Committed { rule: Rule::Anchor { anchor: by, certificate }, .. } => {
            let certificate = certificate.as_ref().map_or("a certificate for it".to_owned(), |found| {
                format!("a certificate for it, {},", name(found))
            });
            format!(
                "{slot} was committed by an anchor, the first later leader that was not skipped: {certificate} lies in \
                 the ancestry of {}",
                anchor(by)
            )
        }
        Fate::Skipped { rule: Rule::Direct } => format!("{slot} was skipped directly"),
        Fate::Skipped { rule: Rule::Anchor { anchor: by, .. } } => format!(
            "{slot} was skipped by an anchor, the first later leader that was not skipped: no certificate for a block \
             of it lies in the ancestry of {}",
            anchor(by)
        ),
        Fate::Undecided { anchor: None } => format!(
            "{slot} is undecided: neither quorum is there, and no leader of round {} or later that could be its anchor",
            account.round.0 + 3
        ),
        Fate::Undecided { anchor: Some((round, leader)) } => format!(
            "{slot} is undecided: neither quorum is there, and its anchor, {leader}'s slot of round {}, is undecided too",
            round.0
        ),
    }];
    for support in &account.supports {
        sentences.push(format!(
            "votes for {}: blocks of round {voting} by {} ({})",
            name(&support.block),
            members(&support.supporters),
            counted(&support.supporters, committee),
        ));
        sentences.push(format!(
            "certificates for it: blocks of round {certifying} by {} ({})",
            members(&support.certifiers),
            counted(&support.certifiers, committee),
        ));
    }
    if !account.blames.is_empty() || account.supports.is_empty() {
        sentences.push(format!(
            "votes for no block of it: blocks of round {voting} by {} ({})",
            members(&account.blames),
            counted(&account.blames, committee),
        ));
    }
    sentences
}

/// For programs.
pub fn json(account: &SlotAccount) -> Value {
    let set = |set: &ReplicaSet| set.iter().map(|replica| replica.0).collect::<Vec<_>>();
    let block = |block: &Option<BlockRef>| block.as_ref().map(|block| format!("{block:?}"));
    let rule = |rule: &Rule| match rule {
        Rule::Direct => json!({ "rule": "direct" }),
        Rule::Anchor { anchor, certificate } => {
            json!({ "rule": "anchor", "anchor": block(anchor), "certificate": block(certificate) })
        }
    };
    let (fate, why) = match &account.fate {
        Fate::Undecided { anchor } => {
            let anchor = anchor.map(|(round, leader)| json!({ "round": round.0, "leader": leader.0 }));
            ("undecided", json!({ "anchor": anchor }))
        }
        Fate::Committed { rule: by, .. } => ("committed", rule(by)),
        Fate::Skipped { rule: by } => ("skipped", rule(by)),
    };
    let supports = account.supports.iter().map(|support| {
        json!({
            "block": format!("{:?}", support.block),
            "votes": set(&support.supporters),
            "certificates": set(&support.certifiers),
        })
    });
    json!({
        "round": account.round.0,
        "slot": account.slot,
        "leader": account.leader.0,
        "fate": fate,
        "why": why,
        "supports": supports.collect::<Vec<_>>(),
        "blames": set(&account.blames),
        "commit": account.commit.as_ref().map(|header| header.index),
    })
}
