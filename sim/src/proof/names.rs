//! Parties by what they are, for people.

use crate::plan::{InstitutionKind, Plan};
use ledger_core::ledger::transaction::PartyId;

/// Parties as the population numbers them: institutions, regulator, auditor, staff, patients. For people to read; a
/// proof names parties by number alone.
pub struct Names<'a> {
    plan: &'a Plan,
    institutions: u64,
    staff: u64,
}

impl<'a> Names<'a> {
    /// Of a plan.
    pub fn of(plan: &'a Plan) -> Self {
        let institutions = plan.population.institutions.len() as u64;
        Self { plan, institutions, staff: plan.population.staff_per_institution }
    }

    fn first_patient(&self) -> u64 {
        self.institutions + 2 + self.institutions * self.staff
    }

    /// A patient, by number or as `party:N`.
    ///
    /// # Errors
    /// In words, if there is no such patient.
    pub fn patient(&self, text: &str) -> Result<PartyId, String> {
        let (first, patients) = (self.first_patient(), self.plan.population.patients);
        let (number, base) = match text.strip_prefix("party:") {
            Some(party) => (party, 0),
            None => (text, first),
        };
        let party = number.parse::<u64>().ok().and_then(|number| number.checked_add(base));
        let known = party.filter(|party| *party >= first && *party < first.saturating_add(patients));
        known.and_then(|party| u32::try_from(party).ok()).map(PartyId).ok_or_else(|| {
            format!(
                "`--patient {text}`: there is no such patient\n  = patients are numbered 0 to {}, or party:{first} to \
                 party:{}",
                patients.saturating_sub(1),
                (first + patients).saturating_sub(1)
            )
        })
    }

    /// A party.
    pub fn name(&self, party: u32) -> String {
        let number = u64::from(party);
        let institution = |index: u64| {
            let kind = self.plan.population.institutions[index as usize].kind;
            format!("{} {index}", kind_name(kind))
        };
        let staff = number.checked_sub(self.institutions + 2);
        match (number, staff) {
            (number, _) if number < self.institutions => institution(number),
            (number, _) if number == self.institutions => "the regulator".to_owned(),
            (number, _) if number == self.institutions + 1 => "the auditor".to_owned(),
            (number, Some(staff)) if number < self.first_patient() => {
                format!("staff {} of {} (party {party})", staff % self.staff, institution(staff / self.staff))
            }
            (number, _) => format!("patient {} (party {party})", number.saturating_sub(self.first_patient())),
        }
    }
}

fn kind_name(kind: InstitutionKind) -> &'static str {
    match kind {
        InstitutionKind::Hospital => "hospital",
        InstitutionKind::Pharmacy => "pharmacy",
        InstitutionKind::Laboratory => "laboratory",
        InstitutionKind::Insurer => "insurer",
        InstitutionKind::Manufacturer => "manufacturer",
        InstitutionKind::Wholesaler => "wholesaler",
        InstitutionKind::Sponsor => "sponsor",
        InstitutionKind::EthicsBoard => "ethics board",
        InstitutionKind::ResearchInstitute => "research institute",
        InstitutionKind::ModelOwner => "model owner",
    }
}
