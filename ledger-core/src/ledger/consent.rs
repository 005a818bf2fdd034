//! Consents and deny directives, and which records, readers and purposes they cover.
//!
//! Purposes are HL7 v3 ActReason, covered by subsumption. In that tree BTG sits below TREAT, and yet no TREAT grant
//! may cover break-glass: BTG is covered only where it is named, and only a directive may name it.
//!
//! Coverage errs towards the patient. A consent covers a record if it covers *all* of its sensitive matters; a
//! directive also if it names *any* of them. A directive against an organisation also binds its staff when they claim
//! to act for themselves.

use super::transaction::{
    Confidentiality, ConsentId, Grantee, Outcome, PartyId, Purpose, RecordClass, Refusal, Role, Scope,
    Sensitivities,
};
use super::{Actor, Ledger, Record};
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// Most consents and directives of one patient, withdrawn ones included: they are all walked by an access decision.
pub const CONSENTS_PER_PATIENT_MAX: u32 = 4096;

/// A consent or deny directive.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Consent {
    /// Whose records.
    pub patient: PartyId,
    /// Whether it forbids.
    pub denies: bool,
    /// To whom it applies.
    pub grantee: Grantee,
    /// Which classes of record.
    pub classes: ClassSet,
    /// Highest confidentiality covered.
    pub confidentiality_max: Confidentiality,
    /// Sensitive matters covered.
    pub sensitivities: Sensitivities,
    /// Purposes named.
    pub purposes: PurposeSet,
    /// In force from.
    pub from: Timestamp,
    /// In force until (exclusive).
    pub until: Timestamp,
    /// Whether the grantee may pass it on.
    pub redisclosure: bool,
    /// Withdrawn at.
    pub revoked_at: Option<Timestamp>,
}

impl Consent {
    /// `EmptyScope` without class or purpose, `UnknownPurpose` for one outside the tree or a consent to break-glass.
    pub fn new(patient: PartyId, denies: bool, scope: &Scope) -> Result<Self, Refusal> {
        if scope.classes.is_empty() || scope.purposes.is_empty() {
            return Err(Refusal::EmptyScope);
        }
        let purposes = PurposeSet::new(&scope.purposes).ok_or(Refusal::UnknownPurpose)?;
        if !denies && purposes.covers(Purpose::BTG) {
            return Err(Refusal::UnknownPurpose);
        }
        Ok(Self {
            patient,
            denies,
            grantee: scope.grantee,
            classes: ClassSet::new(&scope.classes),
            confidentiality_max: scope.confidentiality_max,
            sensitivities: scope.sensitivities,
            purposes,
            from: scope.from,
            until: scope.until,
            redisclosure: scope.redisclosure,
            revoked_at: None,
        })
    }

    pub(super) fn is_timely(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }

    pub(super) fn is_for(&self, actor: &Actor) -> bool {
        match self.grantee {
            Grantee::Party(party) => {
                party == actor.id || party == actor.organisation || (self.denies && party == actor.home)
            }
            Grantee::Everyone(role) => {
                role == actor.organisation_role || (self.denies && role == actor.home_role)
            }
        }
    }

    pub(super) fn covers(&self, record: &Record) -> bool {
        let (named, touched) = (self.sensitivities.0, record.label.sensitivities.0);
        let sensitive = touched & !named == 0 || (self.denies && touched & named != 0);
        self.classes.contains(record.class)
            && record.label.confidentiality <= self.confidentiality_max
            && sensitive
    }
}

/// Classes of record, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ClassSet(u16);

impl ClassSet {
    const ALL: u16 = (1 << (RecordClass::Summary as u16 + 1)) - 1;

    pub(super) fn new(classes: &[RecordClass]) -> Self {
        Self(classes.iter().fold(0, |set, class| set | 1 << *class as u16))
    }

    /// Whether a class is in.
    pub fn contains(self, class: RecordClass) -> bool {
        self.0 >> class as u16 & 1 == 1
    }

    pub(super) fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    pub(super) fn is_canonical(self) -> bool {
        self.0 & !Self::ALL == 0
    }
}

/// Known purposes in the order of their bits, each with the one that subsumes it.
const PURPOSES: [(Purpose, Option<Purpose>); 19] = [
    (Purpose::TREAT, None),
    (Purpose::ETREAT, Some(Purpose::TREAT)),
    (Purpose::BTG, Some(Purpose::ETREAT)),
    (Purpose::ERTREAT, Some(Purpose::ETREAT)),
    (Purpose::CLINTRL, Some(Purpose::TREAT)),
    (Purpose::HPAYMT, None),
    (Purpose::COVERAGE, Some(Purpose::HPAYMT)),
    (Purpose::CLMATTCH, Some(Purpose::HPAYMT)),
    (Purpose::HRESCH, None),
    (Purpose::CLINTRCH, Some(Purpose::HRESCH)),
    (Purpose::CLINTRCHPC, Some(Purpose::CLINTRCH)),
    (Purpose::CLINTRCHNPC, Some(Purpose::CLINTRCH)),
    (Purpose::PATRQT, None),
    (Purpose::FAMRQT, Some(Purpose::PATRQT)),
    (Purpose::PWATRNY, Some(Purpose::PATRQT)),
    (Purpose::SUPNWK, Some(Purpose::PATRQT)),
    (Purpose::HOPERAT, None),
    (Purpose::PUBHLTH, None),
    (Purpose::HMARKT, None),
];

impl Purpose {
    /// Whether it is a code of the tree.
    pub const fn is_known(self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// Whether a grant for `self` covers `asked`: itself or below it in ActReason, and BTG only by itself.
    pub fn subsumes(self, asked: Self) -> bool {
        if self == asked {
            return self.is_known();
        }
        if asked == Self::BTG {
            return false;
        }
        let parent = PURPOSES.iter().find(|(purpose, _)| *purpose == asked).and_then(|(_, parent)| *parent);
        parent.is_some_and(|parent| self.subsumes(parent))
    }
}

/// Known purposes, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PurposeSet(u32);

impl PurposeSet {
    /// Every known purpose.
    pub const ALL: Self = Self((1 << PURPOSES.len()) - 1);

    /// `None` if one is unknown.
    pub(super) fn new(purposes: &[Purpose]) -> Option<Self> {
        let mut set = 0;
        for purpose in purposes {
            set |= 1 << PURPOSES.iter().position(|(known, _)| known == purpose)?;
        }
        Some(Self(set))
    }

    /// The purposes named.
    pub fn iter(self) -> impl Iterator<Item = Purpose> {
        (0..PURPOSES.len()).filter(move |bit| self.0 >> bit & 1 == 1).map(|bit| PURPOSES[bit].0)
    }

    /// Whether one of them subsumes `asked`.
    pub fn covers(self, asked: Purpose) -> bool {
        self.iter().any(|named| named.subsumes(asked))
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn is_canonical(self) -> bool {
        self.0 >> PURPOSES.len() == 0
    }
}

impl Ledger {
    pub(super) fn push_consent(&mut self, consent: Consent) -> ConsentId {
        let Consent { patient, denies, .. } = consent;
        let id = self.consents.push(consent).expect("2^32 consents outlast memory");
        self.consent_chains.push(patient.0, id);
        if denies {
            // Rows of its own: their place among all directives.
            let row = self.directives.push(ConsentId(id)).expect("no more than consents");
            self.directive_chains.push(patient.0, row);
        }
        ConsentId(id)
    }

    /// A patient's consents and directives, newest first, withdrawn and expired ones included.
    pub fn consents_of(&self, patient: PartyId) -> impl Iterator<Item = (ConsentId, &Consent)> {
        let ids = self.consent_chains.of(patient.0);
        ids.filter_map(|id| Some((ConsentId(id), self.consents.get(id)?)))
    }

    /// A patient's directives, newest first, withdrawn and expired ones included. Every decision about access asks for
    /// them, and few patients have any.
    pub(super) fn directives_of(&self, patient: PartyId) -> impl Iterator<Item = (ConsentId, &Consent)> {
        let rows = self.directive_chains.of(patient.0);
        rows.filter_map(|row| {
            let id = *self.directives.get(row)?;
            Some((id, self.consent(id)?))
        })
    }

    /// Refusals, in order: no such patient or grantee; no authority, or one that has ended; an empty scope, an unknown
    /// purpose, an end that is past or not after its start, more than the authority covers, too many.
    pub(super) fn register_consent(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        action: (PartyId, bool, &Scope),
    ) -> Result<Outcome, Refusal> {
        let (patient, denies, scope) = action;
        if self.party(patient).is_none_or(|party| party.role != Role::Patient) {
            return Err(Refusal::UnknownParty);
        }
        if let Grantee::Party(grantee) = scope.grantee {
            self.party(grantee).ok_or(Refusal::UnknownParty)?;
        }
        self.authority(now, patient, actor.id, |_| true)?;
        let consent = Consent::new(patient, denies, scope)?;
        if consent.until <= now.max(consent.from) {
            return Err(Refusal::ExpiryInPast);
        }
        let held = self.authority(now, patient, actor.id, |held| held.may_give(&consent))?;
        self.account_for_authority(patient, held);
        if self.consent_chains.length(patient.0) >= CONSENTS_PER_PATIENT_MAX {
            return Err(Refusal::TooManyConsents);
        }
        Ok(Outcome::ConsentRegistered(self.push_consent(consent)))
    }

    /// Refusals, in order: no such consent; no authority, or one that has ended or does not cover it; withdrawn before.
    pub(super) fn revoke_consent(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        id: ConsentId,
    ) -> Result<Outcome, Refusal> {
        let consent = self.consent(id).ok_or(Refusal::UnknownConsent)?;
        let (patient, withdrawn) = (consent.patient, consent.revoked_at.is_some());
        let held = self.authority(now, patient, actor.id, |held| held.may_withdraw(consent))?;
        self.account_for_authority(patient, held);
        if withdrawn {
            return Err(Refusal::AlreadyRevoked);
        }
        if let Some(consent) = self.consents.get_mut(id.0) {
            consent.revoked_at = Some(now);
        }
        Ok(Outcome::ConsentRevoked(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of the tree, written out: what each grant covers, itself apart.
    #[test]
    fn subsumption() {
        use Purpose::*;
        let below: &[(Purpose, &[Purpose])] = &[
            (TREAT, &[ETREAT, ERTREAT, CLINTRL]),
            (ETREAT, &[ERTREAT]),
            (HPAYMT, &[COVERAGE, CLMATTCH]),
            (HRESCH, &[CLINTRCH, CLINTRCHPC, CLINTRCHNPC]),
            (CLINTRCH, &[CLINTRCHPC, CLINTRCHNPC]),
            (PATRQT, &[FAMRQT, PWATRNY, SUPNWK]),
        ];
        for (grant, _) in PURPOSES {
            for (asked, _) in PURPOSES {
                let listed =
                    below.iter().any(|(parent, children)| *parent == grant && children.contains(&asked));
                assert_eq!(grant.subsumes(asked), grant == asked || listed, "{grant:?} covers {asked:?}");
                assert_eq!(PurposeSet::new(&[grant]).unwrap().covers(asked), grant.subsumes(asked));
            }
            assert!(!grant.subsumes(Other(0)) && !Other(0).subsumes(grant));
        }
        assert!(!Other(3).subsumes(Other(3)));
        let all_but_btg: Vec<_> = PURPOSES.iter().map(|(p, _)| *p).filter(|p| *p != BTG).collect();
        assert!(!PurposeSet::new(&all_but_btg).unwrap().covers(BTG));
        assert_eq!(PurposeSet::new(&[TREAT, Other(1)]), None);
    }
}
