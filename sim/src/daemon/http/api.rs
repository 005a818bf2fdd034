//! `POST /v1/…` of a gateway: one operation a request, as JSON, for the actors of its configuration.
//!
//! ```text
//! register     actor, patient, class, document (base64); confidentiality, sensitivities, patient_wrap_key
//! share        actor, record, purpose; consent
//! break-glass  actor, record, reason, salt, window_s         (salt: 64 random hexadecimal digits, kept with the reason)
//! review       actor, access, justified
//! grant, deny  actor, scope { party or everyone, classes, confidentiality_max, sensitivities, purposes, until, redisclosure }
//! revoke       actor, consent
//! rotate       actor, record, patient; patient_wrap_key      (the custodian's staff)
//! erase        actor, record                                 (the custodian's staff, or the patient: the wraps alone)
//! delegate     actor, patient, delegate, scope (without party or everyone), evidence, salt
//! audit        actor, index
//! pseudonym    actor, patient                                (of the institution's own making: nothing goes to the ledger)
//! ```
//!
//! Each may have `timeout_s`. The answer says how it ended, the transaction, its place in the log, and the receipt
//! (base64 of its canonical encoding), which anybody who has the committee's keys can verify. Status codes: 200 done ·
//! 400 not understood or rejected · 403 the custodian refused · 404 no such actor · 409 the ledger refused, with proof ·
//! 502 not the registered document · 503 busy · 504 unknown: the time was up.
//!
//! Limits: a request has at most [`BODY_BYTES_MAX`].

use crate::daemon::gateway::Desk;
use crate::deploy::GatewayFile;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body as HttpBody;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use ledger_core::codec::List;
use ledger_core::crypto::Digest;
use ledger_core::gateway::{Actor, Command, CommandKind, Completion, End};
use ledger_core::ledger::Ledger;
use ledger_core::ledger::transaction::{
    AccessId, Confidentiality, ConsentId, DelegatedScope, Grantee, Label, PartyId, Purpose, RecordClass,
    RecordId, Role, Scope, Sensitivities,
};
use ledger_core::message::DOCUMENT_BYTES_MAX;
use ledger_core::seal::{self, Pseudonym, VaultSecret};
use ledger_core::time::{Duration, Timestamp};
use rand::TryRng;
use rand::rngs::SysRng;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most bytes of a request: the largest document in base64, and the rest.
pub const BODY_BYTES_MAX: usize = DOCUMENT_BYTES_MAX / 3 * 4 + 65_536;
/// How long an operation may take if the request does not say.
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_MAX_S: u64 = 600;

const CLASSES: [RecordClass; 6] = RecordClass::ALL;
const CONFIDENTIALITIES: [Confidentiality; 6] = [
    Confidentiality::U,
    Confidentiality::L,
    Confidentiality::M,
    Confidentiality::N,
    Confidentiality::R,
    Confidentiality::V,
];
const PURPOSES: [Purpose; 19] = [
    Purpose::TREAT,
    Purpose::ETREAT,
    Purpose::BTG,
    Purpose::ERTREAT,
    Purpose::CLINTRL,
    Purpose::HPAYMT,
    Purpose::COVERAGE,
    Purpose::CLMATTCH,
    Purpose::HRESCH,
    Purpose::CLINTRCH,
    Purpose::CLINTRCHPC,
    Purpose::CLINTRCHNPC,
    Purpose::PATRQT,
    Purpose::FAMRQT,
    Purpose::PWATRNY,
    Purpose::SUPNWK,
    Purpose::HOPERAT,
    Purpose::PUBHLTH,
    Purpose::HMARKT,
];
const ROLES: [Role; 21] = [
    Role::Patient,
    Role::Guardian,
    Role::Clinician,
    Role::Pharmacist,
    Role::Technician,
    Role::Clerk,
    Role::Hospital,
    Role::Pharmacy,
    Role::Laboratory,
    Role::Insurer,
    Role::Regulator,
    Role::Auditor,
    Role::Manufacturer,
    Role::Wholesaler,
    Role::Sponsor,
    Role::EthicsBoard,
    Role::ResearchInstitute,
    Role::ModelOwner,
    Role::Officer,
    Role::Researcher,
    Role::Device,
];

/// What requests are carried out with.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    desk: Arc<Desk>,
    actors: BTreeMap<PartyId, Actor>,
    /// Wrap keys of the parties of genesis.
    wrap_keys: BTreeMap<PartyId, [u8; 32]>,
    /// The institution's own.
    secret: VaultSecret,
}

/// Fields of all requests; which of them count, the operation says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    actor: u32,
    timeout_s: Option<u64>,
    patient: Option<u32>,
    patient_wrap_key: Option<String>,
    class: Option<String>,
    confidentiality: Option<String>,
    sensitivities: Option<u8>,
    document: Option<String>,
    record: Option<u32>,
    purpose: Option<String>,
    consent: Option<u32>,
    reason: Option<String>,
    window_s: Option<u64>,
    access: Option<u32>,
    justified: Option<bool>,
    scope: Option<ScopeBody>,
    index: Option<u64>,
    delegate: Option<u32>,
    evidence: Option<String>,
    salt: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeBody {
    party: Option<u32>,
    everyone: Option<String>,
    classes: Vec<String>,
    confidentiality_max: Option<String>,
    sensitivities: Option<u8>,
    purposes: Vec<String>,
    until: Option<String>,
    redisclosure: Option<bool>,
}

/// What is wrong with a request, and the status code that says so.
type Refused = (StatusCode, String);

impl Api {
    /// Of a gateway and the people who act there.
    pub fn new(desk: Arc<Desk>, file: &GatewayFile, genesis: Option<&Ledger>) -> Self {
        let actors = file.actors.iter().map(|actor| (actor.party, actor.clone())).collect();
        let parties = genesis.into_iter().flat_map(|ledger| ledger.parties().iter().enumerate());
        let wrap_keys = parties.map(|(index, party)| (PartyId(index as u32), party.wrap_key)).collect();
        let secret = VaultSecret::new(file.secret.bytes());
        Self(Arc::new(Inner { desk, actors, wrap_keys, secret }))
    }

    /// Carries out one request.
    pub(super) async fn answer<B>(&self, operation: &str, body: B) -> Response<Full<Bytes>>
    where
        B: HttpBody,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return refused((StatusCode::BAD_REQUEST, format!("the request's body: {error}"))),
        };
        if operation == "pseudonym" {
            return match pseudonym(&self.0, &body) {
                Ok(pseudonym) => response(StatusCode::OK, &json!({ "pseudonym": pseudonym.to_string() })),
                Err(error) => refused(error),
            };
        }
        match ordered(&self.0, operation, &body) {
            Ok(command) => match self.0.desk.leave(command) {
                None => ended(&Completion::new(0, End::Overloaded)),
                Some(completion) => match completion.await {
                    Ok(completion) => ended(&completion),
                    Err(_) => {
                        refused((StatusCode::SERVICE_UNAVAILABLE, "the gateway is stopping".to_owned()))
                    }
                },
            },
            Err(error) => refused(error),
        }
    }
}

fn refused((code, error): Refused) -> Response<Full<Bytes>> {
    response(code, &json!({ "error": error }))
}

fn response(code: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A request, and who asks.
fn read<'a>(api: &'a Inner, body: &[u8]) -> Result<(Body, &'a Actor), Refused> {
    let bad = |error: serde_json::Error| (StatusCode::BAD_REQUEST, error.to_string());
    let body: Body = serde_json::from_slice(body).map_err(bad)?;
    let actor = api.actors.get(&PartyId(body.actor)).ok_or_else(|| {
        let error =
            format!("party {} does not act here: `actors` of the configuration lists who does", body.actor);
        (StatusCode::NOT_FOUND, error)
    })?;
    Ok((body, actor))
}

fn pseudonym(api: &Inner, body: &[u8]) -> Result<Pseudonym, Refused> {
    let (body, _) = read(api, body)?;
    let patient = required(body.patient, "patient").map_err(|error| (StatusCode::BAD_REQUEST, error))?;
    Ok(Pseudonym::of(&api.secret, patient))
}

/// The command that a request asks for.
fn ordered(api: &Inner, operation: &str, body: &[u8]) -> Result<Command, Refused> {
    let bad = |error: String| (StatusCode::BAD_REQUEST, error);
    let (body, actor) = read(api, body)?;
    let timeout = body.timeout_s.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.min(TIMEOUT_MAX_S)));
    let now = api.desk.now();
    let kind = match operation {
        "register" => registration(api, &body),
        "share" => share(&body),
        "break-glass" => break_glass(&body),
        "review" => required(body.access, "access").and_then(|access| {
            let justified = required(body.justified, "justified")?;
            Ok(CommandKind::Review { access: AccessId(access), justified })
        }),
        // For oneself, unless it says for whom.
        "grant" => scope(&body, now)
            .map(|scope| CommandKind::Grant { patient: body.patient.map_or(actor.party, PartyId), scope }),
        "deny" => scope(&body, now).map(|scope| CommandKind::Deny { scope }),
        "revoke" => required(body.consent, "consent")
            .map(|consent| CommandKind::Revoke { consent: ConsentId(consent) }),
        "rotate" => rotation(api, &body),
        "erase" => {
            required(body.record, "record").map(|record| CommandKind::Shred { record: RecordId(record) })
        }
        "delegate" => delegation(&body, now),
        "audit" => required(body.index, "index").map(|index| CommandKind::Audit { index }),
        other => {
            let known = "register, share, break-glass, review, grant, deny, revoke, rotate, erase, delegate, audit or pseudonym";
            return Err((StatusCode::NOT_FOUND, format!("no operation `{other}`: it is {known}")));
        }
    };
    let kind = kind.map_err(bad)?;
    Ok(Command { operation: 0, actor: actor.clone(), deadline: now + timeout, kind })
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("`{name}` is missing"))
}

fn named<T: Copy + std::fmt::Debug>(all: &[T], name: &str, what: &str) -> Result<T, String> {
    let found = all.iter().find(|value| format!("{value:?}") == name).copied();
    found.ok_or_else(|| {
        let known: Vec<String> = all.iter().map(|value| format!("{value:?}")).collect();
        format!("`{name}` is no {what}: it is one of {}", known.join(", "))
    })
}

fn wrap_key_of_patient(api: &Inner, body: &Body, patient: PartyId) -> Result<[u8; 32], String> {
    match &body.patient_wrap_key {
        Some(text) => {
            crate::deploy::parse_key(text).ok_or("`patient_wrap_key` is not 64 digits of a key".to_owned())
        }
        None => api.wrap_keys.get(&patient).copied().ok_or_else(|| {
            format!("party {} was not there at genesis: give its `patient_wrap_key`", patient.0)
        }),
    }
}

/// Commitment to words, which stay off the ledger. Reasons are few and can be guessed, so who asks salts them, with 32
/// random bytes that are to be kept beside the words: whoever has both can show that they are the ones.
fn committed(words: &str, salt: Option<&str>) -> Result<Digest, String> {
    let missing = "`salt` is missing: 64 random digits of 0 to 9 and a to f, to be kept with the words";
    let salt = salt.and_then(crate::deploy::parse_key).ok_or(missing)?;
    Ok(seal::commitment(&salt, words.as_bytes()))
}

/// Opaque: a locator that told class and size would tell an outsider who sees the ledger.
fn new_locator() -> Result<[u8; 16], String> {
    let mut locator = [0; 16];
    SysRng.try_fill_bytes(&mut locator).map_err(|error| format!("no randomness: {error}"))?;
    Ok(locator)
}

fn rotation(api: &Inner, body: &Body) -> Result<CommandKind, String> {
    let patient = PartyId(required(body.patient, "patient")?);
    Ok(CommandKind::Rotate {
        record: RecordId(required(body.record, "record")?),
        patient_wrap_key: wrap_key_of_patient(api, body, patient)?,
        locator: new_locator()?,
    })
}

fn delegation(body: &Body, now: Timestamp) -> Result<CommandKind, String> {
    let covered = covered(required(body.scope.as_ref(), "scope")?, now)?;
    let evidence = required(body.evidence.as_deref(), "evidence")?;
    Ok(CommandKind::Delegate {
        patient: PartyId(required(body.patient, "patient")?),
        delegate: PartyId(required(body.delegate, "delegate")?),
        scope: DelegatedScope {
            classes: covered.classes,
            confidentiality_max: covered.confidentiality_max,
            sensitivities: covered.sensitivities,
            purposes: covered.purposes,
        },
        until: covered.until,
        evidence: committed(evidence, body.salt.as_deref())?,
        minor_until: None,
    })
}

fn registration(api: &Inner, body: &Body) -> Result<CommandKind, String> {
    let patient = PartyId(required(body.patient, "patient")?);
    let patient_wrap_key = wrap_key_of_patient(api, body, patient)?;
    let class = named(&CLASSES, required(body.class.as_deref(), "class")?, "class")?;
    let confidentiality =
        named(&CONFIDENTIALITIES, body.confidentiality.as_deref().unwrap_or("N"), "confidentiality")?;
    let label =
        Label { confidentiality, sensitivities: Sensitivities(body.sensitivities.unwrap_or_default()) };
    let document = BASE64
        .decode(required(body.document.as_deref(), "document")?)
        .map_err(|error| format!("`document` is not base64: {error}"))?;
    let (locator, document) = (new_locator()?, document.into());
    Ok(CommandKind::Register { patient, patient_wrap_key, class, label, locator, document })
}

fn share(body: &Body) -> Result<CommandKind, String> {
    Ok(CommandKind::Share {
        record: RecordId(required(body.record, "record")?),
        purpose: named(&PURPOSES, required(body.purpose.as_deref(), "purpose")?, "purpose of use")?,
        consent: body.consent.map(ConsentId),
    })
}

fn break_glass(body: &Body) -> Result<CommandKind, String> {
    let reason = required(body.reason.as_deref(), "reason")?;
    Ok(CommandKind::BreakGlass {
        record: RecordId(required(body.record, "record")?),
        reason: committed(reason, body.salt.as_deref())?,
        window: Duration::from_secs(required(body.window_s, "window_s")?),
    })
}

fn scope(body: &Body, now: Timestamp) -> Result<Scope, String> {
    let scope = required(body.scope.as_ref(), "scope")?;
    let grantee = match (scope.party, scope.everyone.as_deref()) {
        (Some(party), None) => Grantee::Party(PartyId(party)),
        (None, Some(role)) => Grantee::Everyone(named(&ROLES, role, "role")?),
        (None, None) | (Some(_), Some(_)) => {
            return Err("`scope` has one of `party` and `everyone`".to_owned());
        }
    };
    let Covered { classes, confidentiality_max, sensitivities, purposes, until } = covered(scope, now)?;
    let redisclosure = scope.redisclosure.unwrap_or_default();
    let from = now;
    Ok(Scope { grantee, classes, confidentiality_max, sensitivities, purposes, from, until, redisclosure })
}

/// What a scope covers, whoever it is for.
struct Covered {
    classes: List<RecordClass, 16>,
    confidentiality_max: Confidentiality,
    sensitivities: Sensitivities,
    purposes: List<Purpose, 16>,
    until: Timestamp,
}

fn covered(scope: &ScopeBody, now: Timestamp) -> Result<Covered, String> {
    let classes: Result<Vec<_>, _> =
        scope.classes.iter().map(|name| named(&CLASSES, name, "class")).collect();
    let purposes: Result<Vec<_>, _> =
        scope.purposes.iter().map(|name| named(&PURPOSES, name, "purpose of use")).collect();
    let confidentiality = scope.confidentiality_max.as_deref().unwrap_or("N");
    let until = match &scope.until {
        None => Timestamp::MAX,
        Some(text) => {
            let moment =
                humantime::parse_rfc3339(text).map_err(|_| format!("`{text}` is no moment in UTC"))?;
            let left = moment.duration_since(std::time::SystemTime::now()).unwrap_or_default();
            now + left
        }
    };
    Ok(Covered {
        classes: List::new(classes?).ok_or("more than 16 classes")?,
        confidentiality_max: named(&CONFIDENTIALITIES, confidentiality, "confidentiality")?,
        sensitivities: Sensitivities(scope.sensitivities.unwrap_or_default()),
        purposes: List::new(purposes?).ok_or("more than 16 purposes")?,
        until,
    })
}

fn ended(completion: &Completion) -> Response<Full<Bytes>> {
    let (code, end, detail) = match completion.end {
        End::Done(outcome) => (StatusCode::OK, "done", format!("{outcome:?}")),
        End::Answered => (StatusCode::OK, "answered", String::new()),
        End::Refused(refusal) => (StatusCode::CONFLICT, "refused", format!("{refusal:?}")),
        End::KeyRefused(refusal) => (StatusCode::FORBIDDEN, "key_refused", format!("{refusal:?}")),
        End::Corrupt => (StatusCode::BAD_GATEWAY, "corrupt", String::new()),
        End::Rejected => (StatusCode::BAD_REQUEST, "rejected", String::new()),
        End::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "busy", String::new()),
        End::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timed_out", String::new()),
    };
    let receipt = completion.receipt.as_ref().map(|receipt| BASE64.encode(receipt.encode()));
    let body: Value = json!({
        "end": end,
        "detail": detail,
        "transaction": completion.transaction.map(|digest| digest.to_string()),
        "log_index": completion.log_index,
        "answers": completion.answers.iter().map(|answer| format!("{:?}", answer.outcome)).collect::<Vec<_>>(),
        "receipt": receipt,
    });
    response(code, &body)
}
