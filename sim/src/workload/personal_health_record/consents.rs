//! The workload's own model of consent, independent of the ledger: built from what patients asked for and which of it
//! was acknowledged, judged by rules written anew.
//!
//! It says [`Expected::Either`] where it cannot know: while a change of the patient's consents is under way or ended
//! less than [`SETTLING`] ago, for good once a change ended without an answer, and near the end of a consent.

use crate::history::Expected;
use crate::plan::InstitutionKind;
use crate::population::{Population, RecordInfo};
use ledger_core::gateway::End;
use ledger_core::ledger::transaction::{ConsentId, Outcome, PartyId, Purpose, RecordClass};
use ledger_core::time::{Duration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// After a change, before the model is certain again.
pub(super) const SETTLING: Duration = Duration::from_secs(2);
/// Before and after a consent's end in which either is right: longer than a request may take to be committed.
const EXPIRY_MARGIN: Duration = Duration::from_secs(20);

/// What a patient asked for.
#[derive(Clone, Debug)]
pub(in crate::workload) struct Terms {
    pub denies: bool,
    pub grantee: PartyId,
    pub classes: &'static [RecordClass],
    pub purpose: Purpose,
    pub until: Timestamp,
}

/// A consent or directive known by its receipt.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub id: ConsentId,
    pub terms: Terms,
    pub revoked: bool,
}

/// Who asks to read what, why, and under which consent.
#[derive(Clone, Copy, Debug)]
pub(in crate::workload) struct Ask {
    pub reader: PartyId,
    pub record: RecordInfo,
    pub purpose: Purpose,
    pub consent: Option<ConsentId>,
}

/// A change that was asked for.
#[derive(Debug)]
pub(in crate::workload) enum Change {
    Register(Terms),
    Revoke,
    /// Erasure of the record whose first version lay here.
    Erase([u8; 16]),
}

/// All patients who changed anything in the run.
#[derive(Debug, Default)]
pub(super) struct Consents {
    patients: BTreeMap<PartyId, Held>,
    /// Not revoked, nor asked to be: what can be revoked, by whom.
    live: Vec<(ConsentId, PartyId)>,
    /// Where the first versions of erased records lay: nobody reads them again.
    erased: BTreeSet<[u8; 16]>,
}

#[derive(Debug, Default)]
struct Held {
    /// Changes ever started.
    started: u64,
    under_way: u64,
    last_ended: Timestamp,
    /// A change ended without an answer.
    uncertain: bool,
    known: Vec<Known>,
}

impl Consents {
    /// What the ledger should say. `now` is the request's start.
    pub(super) fn verdict(&self, now: Timestamp, population: &Population, ask: &Ask) -> Expected {
        let held = self.patients.get(&ask.record.patient);
        if held.is_some_and(|held| !held.is_settled(now, SETTLING)) {
            return Expected::Either;
        }
        if self.erased.contains(&ask.record.locator) {
            return Expected::Refuse;
        }
        let known = held.map_or(&[][..], |held| &held.known);
        let applies = |known: &Known| match known.terms.covers(ask) && !known.revoked {
            true => known.terms.is_timely(now),
            false => Expected::Refuse,
        };
        let denied = strongest(known.iter().filter(|known| known.terms.denies).map(applies));
        let genesis =
            population.patient_index(ask.record.patient).map(|index| population.genesis_consent(index));
        let hospital = population.kind(ask.reader) == Some(InstitutionKind::Hospital);
        let by_genesis = match hospital && ask.purpose == crate::population::GENESIS_PURPOSE {
            true => Expected::Permit,
            false => Expected::Refuse,
        };
        let grants = || known.iter().filter(|known| !known.terms.denies);
        let permitted = match ask.consent {
            Some(named) if Some(named) == genesis => by_genesis,
            Some(named) => strongest(grants().filter(|known| known.id == named).map(applies)),
            None => strongest(grants().map(applies).chain([by_genesis])),
        };
        match (denied, permitted) {
            (Expected::Permit, _) | (_, Expected::Refuse) => Expected::Refuse,
            (Expected::Refuse, Expected::Permit) => Expected::Permit,
            (Expected::Either, _) | (Expected::Refuse, Expected::Either) => Expected::Either,
        }
    }

    /// How many changes a patient ever started.
    pub(super) fn changes(&self, patient: PartyId) -> u64 {
        self.patients.get(&patient).map_or(0, |held| held.started)
    }

    /// Whether a record is erased, or may be.
    pub(super) fn may_be_erased(&self, now: Timestamp, record: &RecordInfo) -> bool {
        self.erased.contains(&record.locator) || !self.is_quiet(now, record.patient, SETTLING)
    }

    /// Whether a patient has changed nothing lately.
    pub(super) fn is_quiet(&self, now: Timestamp, patient: PartyId, lately: Duration) -> bool {
        self.patients.get(&patient).is_none_or(|held| held.is_settled(now, lately))
    }

    /// A patient's consents and directives, oldest first.
    pub(super) fn of(&self, patient: PartyId) -> &[Known] {
        self.patients.get(&patient).map_or(&[], |held| &held.known)
    }

    /// What can be revoked.
    pub(super) fn live(&self) -> &[(ConsentId, PartyId)] {
        &self.live
    }

    /// Takes one of [`live`](Self::live) for a revocation.
    pub(super) fn take_live(&mut self, index: usize) -> (ConsentId, PartyId) {
        self.live.swap_remove(index)
    }

    /// The same of one that a delegate for these classes, for treatment, may withdraw.
    pub(super) fn take_within(&mut self, patient: PartyId, classes: &[RecordClass]) -> Option<ConsentId> {
        let known = self.patients.get(&patient)?.known.iter();
        let within = |known: &&Known| {
            let Terms { denies, purpose, classes: covered, .. } = &known.terms;
            !denies && *purpose == Purpose::TREAT && covered.iter().all(|class| classes.contains(class))
        };
        let ids: Vec<ConsentId> = known.filter(within).map(|known| known.id).collect();
        let index = self.live.iter().position(|(id, _)| ids.contains(id))?;
        Some(self.live.swap_remove(index).0)
    }

    pub(super) fn begin(&mut self, patient: PartyId) {
        let held = self.patients.entry(patient).or_default();
        held.started += 1;
        held.under_way += 1;
    }

    pub(super) fn finish(&mut self, now: Timestamp, patient: PartyId, change: Change, end: End) {
        let held = self.patients.entry(patient).or_default();
        held.under_way = held.under_way.saturating_sub(1);
        held.last_ended = now;
        match (end, change) {
            (End::Done(Outcome::ConsentRegistered(id)), Change::Register(terms)) => {
                held.known.push(Known { id, terms, revoked: false });
                self.live.push((id, patient));
            }
            (End::Done(Outcome::ConsentRevoked(id)), Change::Revoke) => {
                held.known.iter_mut().filter(|known| known.id == id).for_each(|known| known.revoked = true);
            }
            (End::Done(Outcome::KeyShredded(_)), Change::Erase(locator)) => {
                self.erased.insert(locator);
            }
            (End::Refused(_), _) => {}
            _ => held.uncertain = true,
        }
    }
}

impl Held {
    fn is_settled(&self, now: Timestamp, after: Duration) -> bool {
        self.under_way == 0 && !self.uncertain && now >= self.last_ended + after
    }
}

impl Terms {
    /// Whether they are about this reader, record and purpose. Only purposes are asked for that subsume each other
    /// never, so equality is enough.
    pub(super) fn covers(&self, ask: &Ask) -> bool {
        self.grantee == ask.reader && self.classes.contains(&ask.record.class) && self.purpose == ask.purpose
    }

    /// `Permit` when in force, `Refuse` when over.
    pub(super) fn is_timely(&self, now: Timestamp) -> Expected {
        if now + EXPIRY_MARGIN < self.until {
            Expected::Permit
        } else if now > self.until + EXPIRY_MARGIN {
            Expected::Refuse
        } else {
            Expected::Either
        }
    }
}

/// `Permit` if one is, else `Either` if one is.
fn strongest(verdicts: impl Iterator<Item = Expected>) -> Expected {
    verdicts.fold(Expected::Refuse, |so_far, next| match (so_far, next) {
        (Expected::Permit, _) | (_, Expected::Permit) => Expected::Permit,
        (Expected::Either, _) | (_, Expected::Either) => Expected::Either,
        (Expected::Refuse, Expected::Refuse) => Expected::Refuse,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use ledger_core::ledger::transaction::Refusal;

    const GRANT: End = End::Done(Outcome::ConsentRegistered(ConsentId(90)));
    const REVOKED: End = End::Done(Outcome::ConsentRevoked(ConsentId(90)));

    fn at(seconds: u64) -> Timestamp {
        Timestamp::after_genesis(Duration::from_secs(seconds))
    }

    /// When it started; when it ended and how; what it is.
    type Timed = (u64, Option<(u64, End)>, Change);

    /// After changes of the first patient: at a time, a reader under a consent may expect.
    fn check(changes: Vec<Timed>, asks: &[(u64, u32, Option<u32>, Expected)]) {
        let population = Population::new(&crate::population::tests::plan(2, [2, 1, 0, 0]), &Seed::new(1), 1);
        let (patient, custodian) = (population.patient(0), PartyId(0));
        let record = RecordInfo { patient, custodian, class: RecordClass::Observation, locator: [0; 16] };
        let mut events: Vec<(u64, bool, usize)> = Vec::new();
        for (index, (start, end, _)) in changes.iter().enumerate() {
            events.push((*start, false, index));
            events.extend(end.map(|(end, _)| (end, true, index)));
        }
        events.sort_unstable();
        let mut changes: Vec<_> = changes.into_iter().map(Some).collect();
        let mut consents = Consents::default();
        let mut events = events.into_iter().peekable();
        for (seconds, reader, consent, expected) in asks {
            while let Some((_, ends, index)) = events.next_if(|(event, ..)| event <= seconds) {
                match ends {
                    false => consents.begin(patient),
                    true => {
                        let (_, end, change) = changes[index].take().unwrap();
                        let (ended, end) = end.unwrap();
                        consents.finish(at(ended), patient, change, end);
                    }
                }
            }
            let consent = consent.map(ConsentId);
            let ask = Ask { reader: PartyId(*reader), record, purpose: Purpose::TREAT, consent };
            assert_eq!(consents.verdict(at(*seconds), &population, &ask), *expected, "{seconds} s, {reader}");
        }
    }

    fn terms(denies: bool, grantee: u32, until: Timestamp) -> Change {
        let (grantee, classes) = (PartyId(grantee), &[RecordClass::Observation]);
        Change::Register(Terms { denies, grantee, classes, purpose: Purpose::TREAT, until })
    }

    #[test]
    fn everybody_permits_hospitals_at_genesis() {
        check(vec![], &[(0, 1, Some(0), Expected::Permit), (0, 1, None, Expected::Permit)]);
        check(vec![], &[(0, 2, Some(0), Expected::Refuse), (0, 2, None, Expected::Refuse)]);
    }

    #[test]
    fn grants_hold_between_receipt_and_revocation() {
        use Expected::*;
        let changes = vec![
            (10, Some((11, GRANT)), terms(false, 2, at(1_000))),
            (30, Some((32, REVOKED)), Change::Revoke),
        ];
        let named = Some(90);
        check(
            changes,
            &[
                (9, 2, None, Refuse),
                (10, 2, None, Either),
                (12, 2, named, Either),
                (13, 2, named, Permit),
                (14, 2, None, Permit),
            ],
        );
        let changes = vec![
            (10, Some((11, GRANT)), terms(false, 2, at(1_000))),
            (30, Some((32, REVOKED)), Change::Revoke),
        ];
        check(
            changes,
            &[(29, 2, named, Permit), (31, 2, named, Either), (33, 2, named, Either), (34, 2, named, Refuse)],
        );
    }

    #[test]
    fn grants_end() {
        use Expected::*;
        let changes = vec![(10, Some((11, GRANT)), terms(false, 2, at(100)))];
        let asks = [(70, Permit), (81, Either), (119, Either), (121, Refuse)];
        check(changes, &asks.map(|(seconds, expected)| (seconds, 2, Some(90), expected)));
    }

    #[test]
    fn directives_win() {
        use Expected::*;
        let changes = vec![
            (10, Some((11, GRANT)), terms(true, 1, Timestamp::MAX)),
            (30, Some((31, REVOKED)), Change::Revoke),
        ];
        check(
            changes,
            &[
                (9, 1, Some(0), Permit),
                (20, 1, Some(0), Refuse),
                (20, 1, None, Refuse),
                (40, 1, Some(0), Permit),
            ],
        );
    }

    #[test]
    fn what_never_answered_stays_unclear_and_a_refusal_is_an_answer() {
        use Expected::*;
        let timed_out = vec![(10, Some((20, End::TimedOut)), terms(true, 1, Timestamp::MAX))];
        check(timed_out, &[(1_000, 1, Some(0), Either)]);
        let refused = End::Refused(Refusal::ExpiryInPast);
        check(vec![(10, Some((20, refused)), terms(true, 1, Timestamp::MAX))], &[(22, 1, Some(0), Permit)]);
    }
}
