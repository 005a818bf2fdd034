//! Integrity: a bundle that is ordered again is refused as stale, and so has no second effect; nor has one that was
//! refused before its sequence is looked at, each time that it is ordered; of one that was rolled
//! back, one action was refused and none has an effect.

use super::{Held, Judgement};
use crate::history::Run;
use ledger_core::ledger::transaction::{Answer, Refusal};
use ledger_core::replica::Executed;

pub(super) fn check(run: &Run) -> Judgement {
    let executed = &run.history.executed;
    let half_done = |(_, done): &&(u64, Executed)| {
        let rolled_back = |answer: &&Answer| answer.refusal() == Some(Refusal::RolledBack);
        let undone = done.answers.iter().filter(rolled_back).count();
        let refused = done.answers.iter().filter(|answer| answer.refusal().is_some()).count();
        undone > 0 && (undone + 1 != done.answers.len() || refused != done.answers.len())
    };
    if let Some((commit, done)) = executed.iter().find(half_done) {
        return Err(format!("{} in commit {commit} was rolled back in part", done.transaction));
    }
    // In the order in which the ledger makes these checks; what comes after them uses the sequence up.
    let idle = |done: &Executed| match done.answers.first().and_then(Answer::refusal) {
        Some(Refusal::UnknownActor | Refusal::BadSignature | Refusal::CredentialRevoked) => true,
        Some(Refusal::TransactionExpired | Refusal::StaleSequence) => true,
        Some(_) | None => false,
    };
    let effective = || executed.iter().filter(|(_, done)| !idle(done));
    // What is ordered alone has no answers.
    let actions: usize = effective().map(|(_, done)| done.answers.len().max(1)).sum();
    let mut effects: Vec<_> = effective().map(|(commit, done)| (done.transaction, *commit)).collect();
    effects.sort_unstable();
    if let Some(pair) = effects.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("{} executed in commit {} and again in {}", pair[0].0, pair[0].1, pair[1].1));
    }
    Ok(Held::Passed(format!("{actions} transactions")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fake;
    use ledger_core::codec::List;
    use ledger_core::crypto::Digest;
    use ledger_core::ledger::transaction::{Outcome, PartyId};

    fn judge(answers: Vec<Answer>) -> bool {
        let mut run = fake::run(&fake::plan());
        let transaction = Digest::sha256(&[b"bundle"]);
        let executed = Executed { transaction, answers: List::new(answers).unwrap(), index: 0 };
        run.history.executed = vec![(1, executed)];
        check(&run).is_ok()
    }

    #[test]
    fn what_is_rolled_back_is_so_altogether() {
        let done = || Answer::from(Ok(Outcome::PartyRegistered(PartyId(1))));
        let refused = || Answer::refused(Refusal::UnknownRecord);
        let undone = || Answer::refused(Refusal::RolledBack);
        assert!(judge(vec![done(), refused()]), "bundles need not be atomic");
        assert!(judge(vec![undone(), refused(), undone()]));
        assert!(!judge(vec![done(), refused(), undone()]), "the first was kept");
        assert!(!judge(vec![done(), undone()]), "nothing says why");
        assert!(!judge(vec![undone(), undone()]), "nothing was refused");
    }
}
