//! Specimens: every builder used once with drawn values, in a story that hangs together. For validators and benchmarks.

use super::audit::{AuditEvent, Decision, Event};
use super::bundle::{Bundle, BundleType};
use super::claim::{Claim, ClaimResponse, Item, Service};
use super::codes;
use super::composition::{Composition, Section};
use super::consent::{Consent, Recipient, Scope};
use super::coverage::{Coverage, CoverageEligibilityRequest, CoverageEligibilityResponse};
use super::device::Device;
use super::document_reference::{Binary, Content, DocumentReference};
use super::encounter::{Encounter, Setting};
use super::medication::{MedicationDispense, MedicationRequest};
use super::observation::{Category, Finding, Observation};
use super::party::{Gender, Organisation, OrganisationType, Patient, Practitioner};
use super::provenance::{Deed, Provenance};
use super::report::{DiagnosticReport, Results};
use super::research::{ResearchStudy, ResearchSubject, StudyStatus, SubjectStatus};
use super::risk::{Level, RiskAssessment};
use super::{Coding, Id, Identifier, Kind, Money, Names, Period, Reference, Resource};
use crate::document::date::{GENESIS, Instant, Year};
use crate::population::pick;
use crate::seed::{Seed, Stream};
use ledger_core::ledger::transaction::PartyId;

/// Who is in the story, and when.
struct Cast {
    patient: Reference,
    provider: Reference,
    insurer: Reference,
    sponsor: Reference,
    member: Reference,
    at: Instant,
    stream: Stream,
}

/// The `n`-th story of a seed: one resource of each kind at least.
pub fn specimens(seed: &Seed, n: u64) -> Vec<String> {
    let names = Names(seed);
    let mut stream = seed.stream(&format!("fhir/specimen/{n}"));
    let provider = PartyId(stream.below(100) as u32);
    let mut cast = Cast {
        patient: names.patient(provider, PartyId(n as u32)),
        provider: names.organisation(provider),
        insurer: names.organisation(PartyId(200)),
        sponsor: names.organisation(PartyId(300)),
        member: names.member(provider, stream.below(20)),
        at: GENESIS.minutes_before(stream.below(1_000_000)),
        stream,
    };
    let mut texts = Vec::new();
    let mut bundle = Bundle::new(BundleType::Transaction);
    let mut emit = |resource: &dyn Resource| {
        texts.push(super::text(resource));
        bundle.add(resource)
    };
    people(&mut cast, &mut emit);
    let encounter = clinic(&mut cast, &mut emit);
    consents(&mut cast, &mut emit);
    trial(&mut cast, &mut emit);
    triage(&mut cast, encounter, &mut emit);
    claims(&mut cast, encounter, &mut emit);
    texts.push(bundle.end(Id::drawn(&mut cast.stream), cast.at, None));
    texts
}

type Emit<'a> = dyn FnMut(&dyn Resource) -> Reference + 'a;

impl Cast {
    fn id(&mut self) -> Id {
        Id::drawn(&mut self.stream)
    }

    fn period(&self) -> Period {
        Period { start: self.at, end: Some(self.at.days_after(365)) }
    }
}

fn people(cast: &mut Cast, emit: &mut Emit<'_>) {
    let genders = [Gender::Female, Gender::Male, Gender::Other, Gender::Unknown];
    emit(&Patient {
        id: cast.patient.id,
        gender: pick(&genders, &mut cast.stream).expect("there are four"),
        born: Year(cast.stream.uniform(1930, 2020) as u16),
        organisation: cast.provider,
    });
    let kinds = [
        (cast.provider, OrganisationType::Provider, "a hospital"),
        (cast.insurer, OrganisationType::Payer, "an \"insurer\" & sons"),
        (cast.sponsor, OrganisationType::Business, "a sponsor"),
    ];
    for (reference, kind, name) in kinds {
        emit(&Organisation { id: reference.id, kind, name });
    }
    emit(&Practitioner { id: cast.member.id });
}

fn clinic(cast: &mut Cast, emit: &mut Emit<'_>) -> Reference {
    let setting = [Setting::Ambulatory, Setting::Inpatient, Setting::Virtual, Setting::Emergency];
    let encounter = emit(&Encounter {
        id: cast.id(),
        setting: pick(&setting, &mut cast.stream).expect("there are four"),
        patient: cast.patient,
        practitioner: cast.member,
        period: Period { start: cast.at, end: cast.stream.chance(3, 4).then(|| cast.at.minutes_after(30)) },
        reason: Some(pick(&codes::CONDITIONS, &mut cast.stream).expect("there are conditions")),
        provider: cast.provider,
    });
    emit(&Observation {
        id: cast.id(),
        category: Category::VitalSigns,
        finding: Finding::Readings(cast.stream.uniform(1, 600)),
        patient: cast.patient,
        encounter: Some(encounter),
        effective: cast.at,
        performer: cast.provider,
        device: None,
        narrative: "",
        note: "",
    });
    let mut observed = |cast: &mut Cast, category, finding| {
        emit(&Observation {
            id: cast.id(),
            category,
            finding,
            patient: cast.patient,
            encounter: Some(encounter),
            effective: cast.at,
            performer: cast.member,
            device: None,
            narrative: "at rest",
            note: "value < limit & stable",
        })
    };
    for measure in codes::VITALS {
        let units = measure.draw(&mut cast.stream);
        observed(cast, Category::VitalSigns, Finding::Value(measure, units));
    }
    let pressure = [(codes::SYSTOLIC, 121), (codes::DIASTOLIC, 80)];
    observed(cast, Category::VitalSigns, Finding::Components(codes::BLOOD_PRESSURE, pressure));
    let organism = codes::loinc("600-7", "Bacteria identified in Blood by Culture");
    observed(cast, Category::Laboratory, Finding::Words(organism, "No growth after 5 days"));
    let panel = pick(&codes::PANELS, &mut cast.stream).expect("there are panels");
    let mut values = Vec::new();
    let mut cited = Vec::new();
    for measure in panel.measures {
        let units = measure.draw(&mut cast.stream);
        values.push((*measure, units));
        cited.push(observed(cast, Category::Laboratory, Finding::Value(*measure, units)));
    }
    for results in [Results::Cited(&cited), Results::Contained(&values)] {
        emit(&DiagnosticReport {
            id: cast.id(),
            code: panel.code,
            patient: cast.patient,
            encounter: Some(encounter),
            effective: cast.at,
            issued: cast.at.minutes_after(90),
            performer: cast.provider,
            results,
            conclusion: "Within limits.",
            scan: None,
        });
    }
    papers(cast, &cited, emit);
    medicines(cast, encounter, emit);
    encounter
}

fn papers(cast: &mut Cast, cited: &[Reference], emit: &mut Emit<'_>) {
    let binary = emit(&Binary { id: cast.id(), content_type: "image/x-portable-graymap", data: "UDUK" });
    for content in [Content::Resource(binary, 3), Content::Url("urn:amanah:record:7")] {
        emit(&DocumentReference {
            id: cast.id(),
            code: codes::loinc("36643-5", "XR Chest 2 Views"),
            patient: cast.patient,
            date: cast.at,
            author: cast.member,
            custodian: cast.provider,
            identifier: Identifier { space: "record", value: "7" },
            content_type: "image/x-portable-graymap",
            content,
        });
    }
    emit(&Composition {
        id: cast.id(),
        code: codes::loinc("60591-5", "Patient summary Document"),
        patient: cast.patient,
        date: cast.at,
        author: cast.member,
        custodian: cast.provider,
        sections: &[Section { code: codes::loinc("8716-3", "Vital signs"), entries: cited }],
    });
}

fn medicines(cast: &mut Cast, encounter: Reference, emit: &mut Emit<'_>) {
    let drug = pick(&codes::DRUGS, &mut cast.stream).expect("there are medicines");
    let prescription = emit(&MedicationRequest {
        id: cast.id(),
        drug,
        patient: cast.patient,
        encounter: Some(encounter),
        prescriber: cast.member,
        authored: cast.at,
        quantity: 30 * drug.a_day,
        repeats: cast.stream.below(4),
        valid_days: 365,
        completed: cast.stream.chance(1, 2),
        narrative: "",
        note: "",
    });
    emit(&MedicationDispense {
        id: cast.id(),
        drug,
        patient: cast.patient,
        dispenser: cast.provider,
        prescription,
        quantity: 30 * drug.a_day,
        handed_over: cast.at.days_after(1),
    });
}

fn consents(cast: &mut Cast, emit: &mut Emit<'_>) {
    let mut consent = None;
    for (permits, recipient) in
        [(true, Recipient::One(cast.insurer)), (false, Recipient::Everyone("Hospital"))]
    {
        consent = Some(emit(&Consent {
            id: cast.id(),
            scope: if permits { Scope::Research } else { Scope::Privacy },
            patient: cast.patient,
            organisation: cast.provider,
            given: cast.at,
            permits,
            active: cast.stream.chance(1, 2),
            recipient,
            period: cast.period(),
            purposes: &["TREAT", "HPAYMT"],
            classes: &[Kind::Observation, Kind::DiagnosticReport],
            confidentiality_max: "N",
        }));
    }
    let consent = consent.expect("two were written");
    for deed in [Deed::Created, Deed::Reviewed("overridden")] {
        emit(&Provenance {
            id: cast.id(),
            deed,
            targets: &[consent],
            recorded: cast.at,
            author: cast.member,
            organisation: cast.provider,
            sources: &["urn:amanah:entry:12", "urn:amanah:merkle-root:00ff"],
        });
    }
    for event in [Event::Access, Event::Emergency, Event::Review, Event::ConsentChange] {
        let refused = cast.stream.chance(1, 3);
        emit(&AuditEvent {
            id: cast.id(),
            event,
            recorded: cast.at,
            decision: if refused { Decision::Refused("ConsentRevoked") } else { Decision::Permitted },
            purpose: if event == Event::Emergency { "BTG" } else { "TREAT" },
            actor: cast.member,
            organisation: cast.provider,
            entities: &[consent],
            entry: "urn:amanah:entry:13",
        });
    }
}

fn trial(cast: &mut Cast, emit: &mut Emit<'_>) {
    let study = emit(&ResearchStudy {
        id: cast.id(),
        registration: "AMANAH-0001",
        title: "Lisinopril against amlodipine in stage 1 hypertension",
        status: StudyStatus::Active,
        phase: Some(cast.stream.uniform(1, 4) as u8),
        period: cast.period(),
        sponsor: cast.sponsor,
        investigator: cast.member,
        arms: &["A", "B"],
    });
    let consent = Reference { kind: Kind::Consent, id: cast.id() };
    for (status, arm) in [(SubjectStatus::OnStudy, ""), (SubjectStatus::OffStudy, "A")] {
        emit(&ResearchSubject {
            id: cast.id(),
            status,
            period: Period { start: cast.at, end: None },
            study,
            patient: cast.patient,
            arm,
            consent,
        });
    }
}

fn triage(cast: &mut Cast, encounter: Reference, emit: &mut Emit<'_>) {
    let code = Coding {
        system: "http://terminology.hl7.org/CodeSystem/v3-EntityCode",
        code: "MODDV",
        display: "Modified device",
    };
    let device = emit(&Device {
        id: cast.id(),
        active: true,
        manufacturer: "a maker",
        model: "cuff 2",
        serial: "0042",
        version: "sha-256:00ff",
        code,
        patient: Some(cast.patient),
        owner: cast.provider,
    });
    let measure = codes::VITALS[0];
    let units = measure.draw(&mut cast.stream);
    let reading = emit(&Observation {
        id: cast.id(),
        category: Category::VitalSigns,
        finding: Finding::Value(measure, units),
        patient: cast.patient,
        encounter: Some(encounter),
        effective: cast.at,
        performer: cast.patient,
        device: Some(device),
        narrative: "",
        note: "",
    });
    let levels = [Level::Low, Level::Moderate, Level::High];
    emit(&RiskAssessment {
        id: cast.id(),
        patient: cast.patient,
        encounter: Some(encounter),
        occurred: cast.at,
        performer: device,
        basis: &[reading],
        vitals_root: "00ff",
        probability_milli: cast.stream.uniform(0, 1_000),
        level: pick(&levels, &mut cast.stream).expect("there are three"),
        advice: "See a clinician today.",
    });
}

fn claims(cast: &mut Cast, encounter: Reference, emit: &mut Emit<'_>) {
    let (provider, insurer, patient, created) = (cast.provider, cast.insurer, cast.patient, cast.at);
    let period = cast.period();
    let policy = "P-77";
    let coverage = emit(&Coverage { id: cast.id(), policy, patient, insurer, period, active: true });
    let id = cast.id();
    let covered = Some(coverage);
    let request =
        emit(&CoverageEligibilityRequest { id, patient, created, provider, insurer, coverage: covered });
    let in_force = cast.stream.chance(9, 10);
    emit(&CoverageEligibilityResponse {
        id: cast.id(),
        patient,
        created,
        request,
        insurer,
        coverage: covered,
        in_force,
    });
    let money = |cents| Money { cents, currency: "EUR" };
    let service = Service::Coded(codes::PANELS[1].code);
    let prices = [cast.stream.uniform(500, 20_000), cast.stream.uniform(500, 20_000)];
    let items = prices.map(|cents| Item { service, price: money(cents) });
    let diagnosis = pick(&codes::CONDITIONS, &mut cast.stream).expect("there are conditions");
    let claim = emit(&Claim {
        id: cast.id(),
        patient,
        created,
        provider,
        insurer,
        coverage,
        encounter,
        diagnosis: Some(diagnosis),
        items: &items,
    });
    emit(&ClaimResponse {
        id: cast.id(),
        patient,
        created: created.days_after(2),
        insurer,
        provider,
        claim,
        benefits: &prices.map(|cents| money(cents * 9 / 10)),
        disposition: "Paid at nine tenths.",
    });
}
