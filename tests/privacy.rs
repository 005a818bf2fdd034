//! What an honest but curious replica learns is what `ledger-core/PRIVACY.md` says, no more and no less; and what others
//! obtain who misuse what they have.

use crate::support::{plan, root};
use bytes::Bytes;
use ledger_core::audit::{Checkpoint, CheckpointBody, CheckpointError, Receipt, ReceiptError};
use ledger_core::block::Block;
use ledger_core::codec::List;
use ledger_core::committee::{Committee, ReplicaId};
use ledger_core::crypto::{BatchVerifier, Digest, SecretKey};
use ledger_core::gateway::{Held, open_grantee_wrap};
use ledger_core::ledger::transaction::{Action, RecordId, Transaction};
use ledger_core::message::{Message, Request};
use ledger_core::seal::{self, WrapKeyPair};
use ledger_core::seam::{GatewayId, Peer};
use sim::document::{self, fhir::Names};
use sim::plan::Plan;
use sim::population::Population;
use sim::seed::Seed;
use sim::world::{Options, run_tapped};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Everything that the workloads can do, with few patients, and documents that say something.
const SCENARIO: &str = "# What does a replica see?
name: curious
duration: 12s
drain: 10s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population:
  { patients: 10, hospitals: 4, pharmacies: 2, laboratories: 1, insurers: 1, staff: 3, manufacturers: 1, wholesalers: 1,
    sponsors: 1, ethics_boards: 1, research_institutes: 1, model_owners: 1, devices: 8 }
documents: fhir
workloads:
  - telemedicine: { rate: 30/s, batch: 2s, batches: 2 }
  - claims: { rate: 20/s }
  - clinical_trial: { rate: 20/s, sites: 2, subjects: 4, visits: 2 }
  - drug_supply: { rate: 30/s }
  - personal_health_record:
      rate: 60/s
      rotation: eager
      mix: { register: 15%, share: 30%, consent: 25%, audit: 5%, break_glass: 5%, keys: 15%, erase: 2%, delegate: 3% }
";

/// What a replica was sent, and what it made of it.
struct Replica {
    plan: Plan,
    population: Population,
    committee: Committee,
    bytes: Vec<Bytes>,
    transactions: BTreeMap<Digest, Transaction>,
    /// Which gateway asked for which permit's state, and for which entry.
    questions: BTreeSet<(GatewayId, String)>,
    submitters: BTreeSet<(GatewayId, u32)>,
}

fn curious() -> Replica {
    let plan = plan(SCENARIO);
    let seen: Arc<Mutex<Vec<(Peer, Bytes)>>> = Arc::default();
    let sink = seen.clone();
    let run = run_tapped(
        &plan,
        &Options::default(),
        Box::new(move |from, to, bytes| {
            if to == ReplicaId(2) {
                sink.lock().unwrap().push((from, bytes.clone()));
            }
        }),
    )
    .unwrap();
    let committee = (*run.committee).clone();
    let (mut transactions, mut submitters) = (BTreeMap::new(), BTreeSet::new());
    let mut questions = BTreeSet::new();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    for (from, bytes) in &seen {
        let mut keep = |item: &[u8]| {
            let transaction = Transaction::decode(committee.chain(), item).ok()?;
            let actor = transaction.body.actor.0;
            transactions.insert(transaction.digest, transaction);
            Some(actor)
        };
        match (from, Message::decode(bytes).unwrap()) {
            (Peer::Gateway(gateway), Message::Request(Request::Submit(item))) => {
                submitters.extend(keep(&item).map(|actor| (*gateway, actor)));
            }
            (Peer::Gateway(gateway), Message::Request(Request::PermitStatus { access, check: _ })) => {
                questions.insert((*gateway, format!("permit {access:?}")));
            }
            (Peer::Gateway(gateway), Message::Request(Request::Entry(index))) => {
                questions.insert((*gateway, format!("entry {index}")));
            }
            (Peer::Replica(_), Message::Block(block)) => {
                let block = Block::verify(&committee, block, &mut BatchVerifier).unwrap();
                block.payload().iter().for_each(|item| {
                    keep(item);
                });
            }
            _ => {}
        }
    }
    let population = Population::new(&plan, &Seed::new(plan.seed), 1);
    let bytes = seen.into_iter().map(|(_, bytes)| bytes).collect();
    Replica { plan, population, committee, bytes, transactions, questions, submitters }
}

impl Replica {
    fn actions(&self) -> impl Iterator<Item = (&Transaction, &Action)> {
        self.transactions.values().flat_map(|it| it.body.actions.iter().map(move |action| (it, action)))
    }

    /// How many different things of each kind it can list.
    fn learns(&self) -> BTreeMap<&'static str, usize> {
        let mut seen: BTreeMap<&'static str, BTreeSet<Vec<u8>>> = BTreeMap::new();
        let mut learn = |key, what: String| {
            seen.entry(key).or_default().insert(what.into_bytes());
        };
        for (transaction, action) in self.actions() {
            let body = &transaction.body;
            learn("actors", format!("{:?} {:?}", body.actor, transaction.key));
            learn("organisations", format!("{:?} for {:?}", body.actor, body.organisation));
            learn("times", format!("{:?}", body.valid_until));
            // Every field is named: one that is added does not compile until somebody says where it belongs.
            match action {
                Action::RegisterRecord {
                    patient,
                    class,
                    label,
                    size_bucket,
                    locator,
                    commitment: _,
                    patient_wrap: _,
                } => {
                    learn("record_owners", format!("{patient:?} {locator:?}"));
                    learn("custodians", format!("{:?}", body.organisation));
                    learn("classes", format!("{patient:?} {class:?} {label:?}"));
                    learn("size_buckets", format!("{size_bucket}"));
                    learn("locators", format!("{locator:?}"));
                }
                Action::GrantConsent { patient, scope } | Action::DenyDirective { patient, scope } => {
                    learn("consents", format!("{patient:?} {scope:?}"));
                }
                Action::RevokeConsent { consent } => learn("consents", format!("{consent:?} ends")),
                Action::RequestAccess { record, purpose, consent } => {
                    learn("access_graph", format!("{:?} {record:?} {purpose:?} {consent:?}", body.actor));
                }
                Action::BreakGlass { record, window_ns, reason: _ } => {
                    learn("access_graph", format!("{:?} {record:?} BTG {window_ns}", body.actor));
                }
                Action::ReviewBreakGlass { access, justified } => {
                    learn("access_graph", format!("{access:?} {justified} by {:?}", body.actor));
                }
                Action::DelegateAuthority { patient, delegate, scope, until, minor_until, evidence: _ } => {
                    let what = format!("{patient:?} {delegate:?} {scope:?} {until:?} {minor_until:?}");
                    learn("delegations", what);
                }
                Action::RewrapKey { record, grantee, wrap: _ } => {
                    learn("key_events", format!("{record:?} to {grantee:?}"));
                }
                Action::RotateKey { record, locator, commitment: _, patient_wrap: _ } => {
                    learn("key_events", format!("{record:?} at {locator:?}"));
                    learn("locators", format!("{locator:?}"));
                }
                Action::ShredKey { record } => learn("key_events", format!("{record:?} ends")),
                Action::RegisterParty { key, wrap_key, role, organisation, valid } => {
                    learn(
                        "organisations",
                        format!("{key:?} {wrap_key:?} {role:?} {organisation:?} {valid:?}"),
                    );
                }
                Action::RevokeCredential { party } => learn("organisations", format!("{party:?} revoked")),
                // All of these but commitments is in clear: what each holds is on its doc.
                Action::Trial(action) => learn("trials", format!("{:?} {action:?}", body.actor)),
                Action::Supply(action) => learn("medicines", format!("{:?} {action:?}", body.actor)),
                Action::Telemedicine(action) => learn("telemedicine", format!("{:?} {action:?}", body.actor)),
                Action::Claim(action) => learn("claims", format!("{:?} {action:?}", body.actor)),
            }
        }
        for (gateway, question) in &self.questions {
            learn("questions", format!("{} {question}", gateway.0));
        }
        for (gateway, actor) in &self.submitters {
            learn("submitters", format!("{} {actor}", gateway.0));
        }
        seen.into_iter().map(|(key, what)| (key, what.len())).collect()
    }

    /// Every record of the run with its custodian: of genesis, and registered or rotated in it.
    fn records(&self) -> Vec<(GatewayId, [u8; 16])> {
        let gateway = |party| self.population.gateway(party).unwrap();
        let genesis = (0..self.population.records()).map(|id| {
            let info = self.population.record(RecordId(id as u32)).unwrap();
            (gateway(info.custodian), info.locator)
        });
        let since = self.actions().filter_map(|(transaction, action)| match action {
            Action::RegisterRecord { locator, .. } | Action::RotateKey { locator, .. } => {
                Some((gateway(transaction.body.organisation), *locator))
            }
            _ => None,
        });
        genesis.chain(since).collect()
    }

    /// Which kinds of these are in what it was sent.
    fn holds(&self, canaries: impl IntoIterator<Item = (&'static str, Vec<u8>)>) -> BTreeSet<&'static str> {
        search(&self.bytes, canaries)
    }
}

/// Which kinds of canaries any message holds, each of at least sixteen bytes: its first sixteen are looked for.
fn search(
    messages: &[Bytes],
    canaries: impl IntoIterator<Item = (&'static str, Vec<u8>)>,
) -> BTreeSet<&'static str> {
    let mut heads: BTreeMap<[u8; 16], &'static str> = BTreeMap::new();
    let mut first = vec![false; 1 << 16];
    for (kind, canary) in canaries {
        let head: [u8; 16] =
            *canary.first_chunk().expect("a canary is long enough not to be there by chance");
        first[usize::from(head[0]) << 8 | usize::from(head[1])] = true;
        heads.insert(head, kind);
    }
    let mut found = BTreeSet::new();
    for message in messages {
        for window in message.windows(16) {
            if first[usize::from(window[0]) << 8 | usize::from(window[1])]
                && let Some(kind) = heads.get(window)
            {
                found.insert(*kind);
            }
        }
    }
    found
}

/// How every document begins.
const RESOURCE: &[u8] = b"{\"resourceType\":\"";

/// First column of the table under a heading of the document.
fn listed(heading: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("ledger-core/PRIVACY.md")).unwrap();
    let section = text.split(&format!("## {heading}\n")).nth(1).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(key, _)| key.to_owned()).collect()
}

#[test]
fn a_curious_replica_learns_what_the_document_lists_and_nothing_else() {
    let replica = curious();
    let learns = replica.learns();
    let keys: BTreeSet<String> = learns.keys().map(|key| (*key).to_owned()).collect();
    assert_eq!(keys, listed("It learns"), "{learns:?}");
    assert!(learns.values().all(|number| *number > 1), "{learns:?}");
    // Sizes are known to the power of two: fewer values than documents by far.
    for family in ["trials", "medicines", "telemedicine", "claims", "questions"] {
        assert!(learns[family] > 20, "{family}: {learns:?}");
    }
    assert!(learns["size_buckets"] <= 24 && learns["record_owners"] > 50, "{learns:?}");

    let seed = Seed::new(replica.plan.seed);
    let mut canaries: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut resources = 0;
    for (custodian, locator) in replica.records() {
        let document = document::content(&seed, locator);
        // Whatever a document says: from its middle and end; it begins as all do, and with whom it is about.
        for at in [document.len() / 3, document.len() / 2, document.len() - 64] {
            canaries.push(("documents", document[at..at + 32].to_vec()));
        }
        // All but what trials deposit.
        resources += usize::from(document.starts_with(RESOURCE));
        let secret = replica.population.vault_secret(custodian);
        let (key, salt) = seal::derive(&secret, &locator);
        let commitment = seal::commitment(&salt, &document);
        let sealed = seal::seal(&key, &commitment, &document);
        canaries.push(("documents", sealed[..32].to_vec()));
        canaries.push(("salts", salt.to_vec()));
        canaries.push(("data_keys", seal::pack(&key, &salt)[..32].to_vec()));
        for hash in [seal::document_hash(&document), Digest::sha256(&[&document]), Digest(*blake3(&document))]
        {
            canaries.push(("document_hashes", hash.0.to_vec()));
        }
    }
    assert!(resources > 50, "{resources} documents say something");
    for gateway in (0..replica.population.institutions() as u32).map(GatewayId) {
        canaries.push(("vault_secrets", replica.population.gateway_secret(gateway).to_vec()));
        let home = replica.population.organisation(gateway);
        let agent = seed.bytes32(&format!("population/agent/{}/wrap", home.0));
        canaries.push(("agent_keys", agent.to_vec()));
    }
    canaries.push(("reasons", b"reason of emergency".to_vec()));
    canaries.push(("reasons", b"power of attorney".to_vec()));
    // A reading is salted; without its salt nobody can find it by trying all.
    for operation in 0..replica.transactions.len() as u64 * 2 {
        let key = seed.bytes32(&format!("telemedicine/salt/{operation}"));
        let mut salt = vec![0; 16];
        ::blake3::Hasher::new_keyed(&key).finalize_xof().fill(&mut salt);
        canaries.push(("readings", salt));
    }
    // Who a document is about is in it, under the custodian's pseudonym; nothing of it is on the way.
    canaries.push(("identities", RESOURCE.to_vec()));
    for patient in (0..replica.population.patients()).map(|number| replica.population.patient(number)) {
        for custodian in (0..replica.population.institutions() as u32).map(GatewayId) {
            let custodian = replica.population.organisation(custodian);
            canaries.push(("identities", Names(&seed).patient(custodian, patient).text().into_bytes()));
        }
    }
    let sought: BTreeSet<String> = canaries.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    assert_eq!(sought, listed("It does not learn"));
    assert_eq!(replica.holds(canaries.clone()), BTreeSet::new());

    // The search finds what is there: the commitment of a record that was registered, and one of each kind that is planted.
    let there = replica.actions().find_map(|(_, action)| match action {
        Action::RegisterRecord { commitment, .. } => Some(("commitment", commitment.0.to_vec())),
        _ => None,
    });
    assert_eq!(replica.holds(there), BTreeSet::from(["commitment"]));
    for kind in &sought {
        let planted = canaries.iter().find(|(known, _)| known == kind).unwrap();
        let message = Bytes::from([&replica.bytes[0][..], &planted.1, &replica.bytes[1]].concat());
        assert_eq!(search(&[message], canaries.clone()), BTreeSet::from([planted.0]));
    }
}

fn blake3(bytes: &[u8]) -> Box<[u8; 32]> {
    Box::new(*::blake3::hash(bytes).as_bytes())
}

/// With everything a replica has, the commitments of two equal documents are not linked, and no wrap opens.
#[test]
fn a_curious_replica_links_no_commitment_and_opens_no_wrap() {
    let replica = curious();
    let chain = replica.committee.chain();
    let (mut rotations, mut wraps) = (0, 0);
    let mut commitments: BTreeMap<[u8; 16], Digest> = BTreeMap::new();
    // A replica has a signing key and whatever it makes of it.
    let guess = WrapKeyPair::from_seed([7; 32]);
    let seed = Seed::new(replica.plan.seed);
    for (_, action) in replica.actions() {
        match action {
            Action::RegisterRecord { locator, commitment, patient_wrap, .. }
            | Action::RotateKey { locator, commitment, patient_wrap, .. } => {
                // Every version of a document has the same plain text, and a commitment of its own.
                let first = document::first_version(&seed, *locator);
                let other = commitments.insert(first, *commitment).is_some_and(|other| other != *commitment);
                rotations += usize::from(other);
                let (locator, commitment) = (*locator, *commitment);
                let held = Held { locator, commitment, patient_wrap: patient_wrap.clone() };
                assert!(held.open(&guess, chain).is_none());
                wraps += 1;
            }
            _ => {}
        }
    }
    assert!(rotations > 3 && wraps > 50, "{rotations} rotations, {wraps} wraps");
}

/// A custodian's secret opens what it keeps, and nothing that others keep.
#[test]
fn a_compromised_custodian_opens_its_own_vault_alone() {
    let plan = plan(SCENARIO);
    let seed = Seed::new(plan.seed);
    let population = Population::new(&plan, &seed, 1);
    let ledger = population.genesis_ledger();
    let thief = GatewayId(0);
    let secret = population.vault_secret(thief);
    let (mut own, mut others) = (0, 0);
    for id in (0..population.records()).map(|id| RecordId(id as u32)) {
        let record = ledger.record(id).unwrap();
        let document = document::content(&seed, record.locator);
        let (key, salt) = seal::derive(&secret, &record.locator);
        let fits = seal::commitment(&salt, &document) == record.commitment;
        if population.gateway(record.custodian) == Some(thief) {
            assert!(fits);
            own += 1;
        } else {
            // It cannot even tell whether a document that it guesses is the one.
            assert!(!fits);
            let custodian = population.gateway(record.custodian).unwrap();
            let (theirs, _) = seal::derive(&population.vault_secret(custodian), &record.locator);
            let sealed = seal::seal(&theirs, &record.commitment, &document);
            assert!(seal::open(&key, &record.commitment, &sealed).is_err());
            others += 1;
        }
    }
    assert!(own > 0 && others > 0, "{own} own, {others} others'");
}

/// Who has a gateway's secret opens every wrap that was put on the ledger for that institution, without anybody's key, and none of
/// anybody else's.
#[test]
fn a_stolen_gateway_secret_opens_what_was_wrapped_to_it_alone() {
    let replica = curious();
    let (chain, population) = (replica.committee.chain(), &replica.population);
    let genesis = population.genesis_ledger();
    let commitments = |wanted: RecordId| -> Vec<Digest> {
        let first = genesis.record(wanted).map(|record| record.commitment);
        let later = replica.actions().filter_map(|(_, action)| match action {
            Action::RegisterRecord { commitment, .. } if first.is_none() => Some(*commitment),
            Action::RotateKey { record, commitment, .. } if *record == wanted => Some(*commitment),
            _ => None,
        });
        first.into_iter().chain(later).collect()
    };
    let wraps: Vec<(RecordId, GatewayId, &[u8])> = replica
        .actions()
        .filter_map(|(_, action)| match action {
            Action::RewrapKey { record, grantee, wrap } => {
                Some((*record, population.gateway(*grantee)?, &wrap[..]))
            }
            _ => None,
        })
        .collect();
    let mut by_grantee: BTreeMap<GatewayId, usize> = BTreeMap::new();
    wraps.iter().for_each(|(_, grantee, _)| *by_grantee.entry(*grantee).or_default() += 1);
    let (thief, _) = by_grantee.iter().max_by_key(|(_, count)| **count).expect("somebody was given a wrap");
    let pair = WrapKeyPair::of(&population.vault_secret(*thief));
    let (mut own, mut others) = (0, 0);
    for (record, grantee, wrap) in wraps {
        let opens =
            |commitment: &Digest| open_grantee_wrap(&pair, chain, (record, commitment), wrap).is_some();
        let opened = commitments(record).iter().any(opens);
        assert_eq!(opened, grantee == *thief, "{record:?} for {grantee:?}");
        *if opened { &mut own } else { &mut others } += 1;
    }
    assert!(own > 3 && others > 3, "{own} own, {others} others'");
}

/// The keys of f replicas make neither a checkpoint nor a receipt, whatever they sign.
#[test]
fn colluding_replicas_forge_nothing() {
    let plan = plan(SCENARIO);
    let run = crate::support::run(&plan, &Options::default());
    let committee = &run.committee;
    let seed = Seed::new(plan.seed);
    let key = |n: u16| SecretKey::from_seed(seed.bytes32(&format!("replica/{n}/key")));
    assert_eq!(key(3).public(), committee.members()[3].key);
    let good = run.history.receipts.iter().find_map(|(_, _, receipt)| receipt.clone()).unwrap();
    let body = CheckpointBody { size: 1, root: good.entry.leaf_hash(), ..good.checkpoint.body };
    let forge = |signers: &[u16]| {
        let signatures = signers.iter().map(|n| (ReplicaId(*n), body.sign(&key(*n)))).collect();
        let checkpoint = Checkpoint::new(body, signatures).unwrap();
        let forged = Receipt { index: 0, proof: List::default(), checkpoint, entry: good.entry.clone() };
        forged.verify(committee, &mut BatchVerifier).map(|_| ())
    };
    let short =
        |found| -> Result<(), ReceiptError> { Err(CheckpointError::NoQuorum { found, quorum: 3 }.into()) };
    assert_eq!(forge(&[3]), short(1));
    assert_eq!(forge(&[2, 3]), short(2));
    // One more than is tolerated, and one more again: from a quorum on, there is nothing left to trust.
    assert_eq!(forge(&[1, 2, 3]), Ok(()));
}
