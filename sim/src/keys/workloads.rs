//! `workloads:`

use super::root::wrong;
use super::{Form, Key, Quantity, SHARE, count, default, duration, faults, one_of, optional, required, size};

#[rustfmt::skip]
pub(super) static WORKLOADS: &[Key] = &[
    one_of("personal_health_record", Form::Map(RECORDS), "{ rate: 400/s }", "Documents registered and shared, consents given and withdrawn, accesses proven."),
    one_of("drug_supply", Form::Map(SUPPLY), "{ rate: 150/s, counterfeit: 0.5% }", "Medicines from manufacturer over wholesaler and pharmacy to patient."),
    one_of("clinical_trial", Form::Map(TRIAL), "{ rate: 100/s, late_data: 10% }", "Trials from their approval to a verified result, and the sharing of their data."),
    one_of("telemedicine", Form::Map(TELEMEDICINE), "{ rate: 100/s, vitals_gap: 1% }", "Devices, vitals, triage, prescriptions. At most one of them a scenario."),
    one_of("claims", Form::Map(CLAIMS), "{ rate: 100/s, duplicate: 1% }", "Coverage, eligibility and claims for encounters."),
    one_of("access_decisions", Form::Map(DECISIONS), "{ rate: 4000/s, bundle: 16 }", "Requests for access under consents in force, in signed bundles; no key or document moves."),
    one_of("opaque", Form::Map(OPAQUE), "{ rate: 10k/s, size: 512B }", "Random bytes to be ordered and not executed: ordering alone. No other workload beside it."),
];

#[rustfmt::skip]
const RATE: Key = required("rate", Form::Quantity(Quantity::Rate, None), "400/s", "Operations a second, on average; at most 100M/s. With `closed` arrivals it only weighs the workloads.");

#[rustfmt::skip]
static OPAQUE: &[Key] = &[RATE, default("size", size("16B", "`ledger.tuning.block_bytes_max`"), "512B", "Bytes of each.")];

#[rustfmt::skip]
static DECISIONS: &[Key] = &[
    RATE,
    default("bundle", count("1 (individually signed)", "64, the most actions of a bundle"), "16", "Actions that go out under one signature; each counts as a transaction."),
];

#[rustfmt::skip]
static RECORDS: &[Key] = &[
    RATE,
    optional("mix", Form::Map(MIX), "{ register: 45%, share: 35%, consent: 15%, audit: 5% }", "What the operations are; the parts add up to 100%, and what is not written is 0. Without it, as in the example."),
    default("zipf", Form::Quantity(Quantity::Factor, Some(("0 (uniform)", "3"))), "0.8", "How unevenly popular patients and records are: the exponent of Zipf's law."),
    default("rotation", Form::Choice(&[("lazy", "before the key is next wrapped to somebody"), ("eager", "at once")]), "lazy", "When a record whose consent was withdrawn gets another key."),
    default("unreviewed", SHARE, "0", "Break-glass accesses that nobody reviews in time."),
];

#[rustfmt::skip]
static MIX: &[Key] = &[
    default("register", SHARE, "0", "A custodian registers a new document."),
    default("share", SHARE, "0", "A clinician elsewhere asks for, receives and verifies a document."),
    default("consent", SHARE, "0", "A patient grants, denies or revokes."),
    default("audit", SHARE, "0", "An auditor or patient fetches the proof of an earlier access."),
    default("break_glass", SHARE, "0", "A clinician breaks the glass in an emergency."),
    default("keys", SHARE, "0", "Keys are wrapped to grantees, and rotated."),
    default("erase", SHARE, "0", "A custodian erases a record."),
    default("delegate", SHARE, "0", "A patient names who may decide in their stead."),
];

#[rustfmt::skip]
static SUPPLY: &[Key] = &[
    RATE,
    default("packs_per_case", count("1", "192"), "24", "Packs in a case."),
    default("cases_per_pallet", count("1", "16"), "4", "Cases on a pallet, which is what a manufacturer makes at once; at most 384 packs."),
    default("resold", SHARE, "30%", "Cases that a wholesaler sells to another; of these the same share once more."),
    default("verified", SHARE, "20%", "Packs that a pharmacy verifies before it dispenses them."),
    default("returned", SHARE, "3%", "Cases that a pharmacy returns unopened."),
    default("reversed", SHARE, "1%", "Dispensings that are reversed."),
    default("recalled", SHARE, "0", "Lots that are recalled."),
    default("expiring", SHARE, "0", "Lots that expire within the run."),
    default("careless", SHARE, "20%", "Cases and packs of a recalled or expired lot that somebody tries to use nevertheless."),
    wrong("counterfeit", "Wrong on purpose: operations about a pack that nobody commissioned."),
    wrong("clone", "Wrong on purpose: operations about a copy of a pack."),
    wrong("mislabelled", "Wrong on purpose: operations about a pack with another lot or expiry on it than its own."),
    wrong("diversion", "Wrong on purpose: operations by somebody who does not hold what it handles, or with somebody who may not have it."),
    optional("ring", Form::Map(faults::RING), "{ region: me-south-1, at: 10s, for: 20s, share: 30% }", "Somebody does all this at one place for a while."),
];

#[rustfmt::skip]
static TRIAL: &[Key] = &[
    RATE,
    default("sites", count("1", "64, the most actions of a bundle"), "3", "Hospitals that take part in a trial."),
    default("subjects", count("1", "1000"), "12", "Patients enrolled in a trial."),
    default("visits", count("1", "1000"), "4", "Captures of each subject's data."),
    default("visit_interval", duration("0s", "24h"), "1s", "Between a subject's visits, on average."),
    default("amended", SHARE, "50%", "Trials amended half-way, with re-consent."),
    default("withdrawn", SHARE, "5%", "Subjects who withdraw."),
    default("emergency", SHARE, "2%", "Subjects whose arm their site must know in an emergency."),
    default("shared", SHARE, "25%", "Subjects who let a research institute read their data."),
    wrong("plan_change", "Wrong on purpose, of trials: another analysis plan than the one registered."),
    wrong("early_enrolment", "Wrong on purpose, of enrolments: one before it, without registration or consent."),
    wrong("late_enrolment", "Wrong on purpose, of trials: an enrolment after sites were closed or data locked."),
    wrong("stale_consent", "Wrong on purpose, of re-consents: a capture before it."),
    wrong("tampering", "Wrong on purpose, of captures: one before it that continues a rewritten chain."),
    wrong("late_data", "Wrong on purpose, of trials: a capture after the lock."),
    wrong("withdrawn_data", "Wrong on purpose, of withdrawals: a capture after it."),
    wrong("unblinding", "Wrong on purpose, of trials: arms asked for before the lock, or by another site."),
    wrong("result_mismatch", "Wrong on purpose, of trials: a result that rests on other data than those locked."),
    wrong("unconsented_research", "Wrong on purpose, of subjects' data that are shared: a research institute that asks before they are."),
];

#[rustfmt::skip]
static TELEMEDICINE: &[Key] = &[
    RATE,
    default("batch", duration("1s", "60s"), "10s", "Time that a batch of readings covers."),
    default("batches", count("1", "1000"), "4", "Batches of a monitored session, on average."),
    default("sampling_max", count("1", "250 (readings a second)"), "250", "Readings a second of the fastest devices."),
    default("deteriorating", SHARE, "25%", "Of monitored patients, how many deteriorate."),
    wrong("spoofed_device", "Wrong on purpose, of sessions: vitals of a device that is not attested, or under another key, or with revoked firmware."),
    wrong("vitals_gap", "Wrong on purpose, of sessions: readings left out."),
    wrong("vitals_overlap", "Wrong on purpose, of sessions: readings anchored twice."),
    wrong("clock_skew", "Wrong on purpose, of sessions: a device's clock is off."),
    wrong("unregistered_model", "Wrong on purpose, of sessions: a decision by a model that is not registered, or retired."),
    wrong("unanchored_input", "Wrong on purpose, of sessions: a decision from readings that were not anchored."),
    wrong("missing_review", "Wrong on purpose, of sessions: a prescription on an alarm that no clinician has looked at."),
    wrong("wrong_patient", "Wrong on purpose, of sessions: a prescription for somebody else, or handed to somebody else."),
    wrong("double_dispensing", "Wrong on purpose, of sessions: dispensed again, beyond what is left, or by a pharmacy that has not claimed it."),
    wrong("unlicensed_clinician", "Wrong on purpose, of sessions: one in the name of somebody who is no clinician."),
];

#[rustfmt::skip]
static CLAIMS: &[Key] = &[
    RATE,
    wrong("duplicate", "Wrong on purpose, of encounters: claimed again."),
    wrong("no_encounter", "Wrong on purpose, of encounters: claimed for one that there was not."),
    wrong("not_covered", "Wrong on purpose, of encounters: claimed from an insurer who does not cover the patient."),
    wrong("double_adjudication", "Wrong on purpose, of encounters: decided again, or by another insurer."),
];
