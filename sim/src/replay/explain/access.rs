//! Grounds of the ledger's decisions in words: which consent, directive or delegation, as it was then.

use super::Inquest;
use crate::proof::{Names, moment};
use ledger_core::ledger::transaction::{
    Answer, Confidentiality, ConsentId, Grantee, Purpose, RecordClass, Refusal, Scope, Sensitivities,
};
use ledger_core::ledger::{AccessAccount, Account, Consent, Ground};
use ledger_core::time::Timestamp;

const CLASSES: [RecordClass; 6] = RecordClass::ALL;
const SENSITIVE: [(u8, &str); 5] = [(1, "PSY"), (2, "SUD"), (4, "HIV"), (8, "SEX"), (16, "GDIS")];

impl Inquest<'_> {
    /// Why an action was answered as it was.
    pub(super) fn ground(&self, account: &Account, answer: &Answer) -> Vec<String> {
        let names = Names::of(&self.run.plan);
        match account {
            Account::Access(access) => self.access(access, answer, &names),
            Account::Authority { patient, delegation: None } => {
                vec![format!("because: it is {}'s own to decide", names.name(patient.0))]
            }
            Account::Authority { patient, delegation: Some((id, held)) } => vec![format!(
                "because: delegation {} lets {} decide for {}; {} gave it, until {}",
                id.0,
                names.name(held.delegate.0),
                names.name(patient.0),
                names.name(held.delegator.0),
                moment(held.end()),
            )],
        }
    }

    fn access(&self, account: &AccessAccount, answer: &Answer, names: &Names<'_>) -> Vec<String> {
        let mut sentences = vec![format!(
            "record {} is of class {:?}, of {}, confidentiality {:?}{}; {} consent(s) and directive(s) had been given at {}",
            account.record.0,
            account.class,
            names.name(account.patient.0),
            account.label.confidentiality,
            sensitive(account.label.sensitivities),
            account.given,
            moment(account.at),
        )];
        let refusal = answer.refusal();
        let (because, rule) = match account.ground {
            Ground::KeyShredded => {
                ("the record's key was given up: nobody reads it any more".to_owned(), None)
            }
            Ground::Own => ("patients read what is their own, without a consent".to_owned(), None),
            Ground::UnknownPurpose => (format!("{:?} is no known purpose", account.purpose), None),
            Ground::Directive(id) => {
                (format!("directive {} forbids it, and a directive wins over every consent", id.0), Some(id))
            }
            Ground::Consent(id) => {
                (format!("consent {} permits it, and no directive forbids it", id.0), Some(id))
            }
            Ground::NoConsent(None) if refusal == Some(Refusal::UnknownConsent) => {
                ("the consent that was named does not exist".to_owned(), None)
            }
            Ground::NoConsent(None) => {
                ("no consent is for this reader, and without one nothing is permitted".to_owned(), None)
            }
            Ground::NoConsent(Some(id)) => {
                let why = refusal.map_or("", |refusal| miss(refusal));
                (format!("no consent permits it; consent {} came nearest, but {why}", id.0), Some(id))
            }
            Ground::Emergency => {
                let words = "an emergency with a reason, within the policy's time, and no directive forbids \
                             break-glass; it stands outside consent and is to be reviewed";
                (words.to_owned(), None)
            }
            Ground::BadEmergency => {
                ("an emergency without a reason, or for longer than the policy allows".to_owned(), None)
            }
        };
        sentences.push(format!("because: {because}"));
        if let (Some(id), Some(consent)) = (rule, &account.consent) {
            sentences.push(self.origin(id, consent, names));
        }
        sentences
    }

    /// What a consent says, and where it came from.
    fn origin(&self, id: ConsentId, consent: &Consent, names: &Names<'_>) -> String {
        let kind = if consent.denies { "directive" } else { "consent" };
        let classes: Vec<RecordClass> =
            CLASSES.into_iter().filter(|class| consent.classes.contains(*class)).collect();
        let scope = words(
            (consent.grantee, &classes, &consent.purposes.iter().collect::<Vec<_>>()),
            (consent.confidentiality_max, consent.sensitivities),
            (consent.from, consent.until),
            names,
        );
        let withdrawn =
            consent.revoked_at.map_or(String::new(), |at| format!(", withdrawn at {}", moment(at)));
        let origin = match self.chronicle.consents.get(&id) {
            Some(transaction) => format!("given by transaction {transaction}"),
            None => "there since genesis".to_owned(),
        };
        format!("{kind} {}: {scope}{withdrawn}; {origin}", id.0)
    }
}

/// Why the nearest consent does not do; else it is not for this reader.
const MISSES: [(Refusal, &str); 5] = [
    (Refusal::ConsentRevoked, "it was withdrawn"),
    (Refusal::ConsentExpired, "its time had not begun or was over"),
    (Refusal::LabelNotCovered, "it does not cover a record of this class and label"),
    (Refusal::PurposeMismatch, "it is not for this purpose"),
    (Refusal::RolledBack, "what was wrong with it is not told: another action of the bundle was refused"),
];

fn miss(refusal: Refusal) -> &'static str {
    let row = MISSES.iter().find(|(known, _)| *known == refusal);
    row.map_or("it is not for this reader", |(_, why)| why)
}

/// What a consent or directive that is being given covers.
pub(super) fn scope(scope: &Scope, names: &Names<'_>) -> String {
    words(
        (scope.grantee, &scope.classes, &scope.purposes),
        (scope.confidentiality_max, scope.sensitivities),
        (scope.from, scope.until),
        names,
    )
}

fn words(
    (grantee, classes, purposes): (Grantee, &[RecordClass], &[Purpose]),
    (confidentiality, sensitivities): (Confidentiality, Sensitivities),
    (from, until): (Timestamp, Timestamp),
    names: &Names<'_>,
) -> String {
    let grantee = match grantee {
        Grantee::Party(party) => names.name(party.0),
        Grantee::Everyone(role) => format!("everyone of a {role:?}"),
    };
    let list = |items: Vec<String>| items.join(", ");
    let classes = match classes.len() {
        6 => "every class".to_owned(),
        _ => list(classes.iter().map(|class| format!("{class:?}")).collect()),
    };
    let purposes = list(purposes.iter().map(|purpose| format!("{purpose:?}")).collect());
    let until =
        if until == Timestamp::MAX { "for good".to_owned() } else { format!("until {}", moment(until)) };
    format!(
        "for {grantee}, {classes}, confidentiality up to {confidentiality:?}{}, for {purposes}, from {} {until}",
        sensitive(sensitivities),
        moment(from),
    )
}

fn sensitive(sensitivities: Sensitivities) -> String {
    let named = SENSITIVE.iter().filter(|(bit, _)| sensitivities.0 & bit != 0).map(|(_, name)| *name);
    match named.collect::<Vec<_>>()[..] {
        [] => String::new(),
        ref names => format!(" with {}", names.join(", ")),
    }
}
