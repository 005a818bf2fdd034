//! Receipts, checkpoints and audits: written by a run, verified by the program and by implementations that share no
//! code with it: `signed_note` for C2SP signed notes, `tlog_tiles` for checkpoints and RFC 6962 proofs.

use crate::amanah::{Build, directory, json, names};
use crate::support::{plan, run};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ledger_core::audit::{AuditError, PatientAudit, Receipt};
use ledger_core::committee::Committee;
use ledger_core::crypto::BatchVerifier;
use ledger_core::ledger::transaction::{Outcome, PartyId};
use serde_json::Value;
use signed_note::{Note, StandardVerifier, Verifier, VerifierList};
use sim::history::Control;
use sim::population::Population;
use sim::proof::committee as committee_file;
use sim::seed::Seed;
use sim::world::{Options, SeededBug, run_audited};
use std::fs;
use std::path::{Path, PathBuf};
use tlog_tiles::{Checkpoint as TlogCheckpoint, Hash, check_record, record_hash};

/// A few patients whose records many ask for, some of them in vain.
const SCENARIO: &str = "# Who asked for whose records?
name: asked
duration: 6s
drain: 10s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population: { patients: 12, hospitals: 4, pharmacies: 2, staff: 3 }
workloads:
  - personal_health_record: { rate: 60/s, mix: { register: 10%, share: 60%, consent: 10%, audit: 5%, break_glass: 15% } }
";

/// A run's directory, made once for each test that needs one.
fn results(name: &str) -> PathBuf {
    let directory = directory(&format!("proofs-{name}"));
    fs::write(directory.join("asked.yaml"), SCENARIO).unwrap();
    Build::Debug.run(&directory, &["run", "asked.yaml", "--quiet", "--out", "out"]).exits(0);
    directory
}

fn receipts(directory: &Path) -> Vec<PathBuf> {
    let folder = directory.join("out/receipts");
    names(&folder).iter().map(|name| folder.join(name)).collect()
}

#[test]
fn what_a_run_leaves_is_verified_offline_and_nothing_else_is() {
    let directory = results("verify");
    let receipt = &receipts(&directory)[0];
    let file = receipt.to_str().unwrap();
    let verify = |file: &str, committee: &str| {
        Build::Debug.run(&directory, &["verify", file, "--committee", committee])
    };
    let ended = verify(file, "out/committee.json").exits(0);
    for phrase in
        [": verified\n", "entry    ", "who      party ", "of 4 replicas, a quorum: replica-", "answer   "]
    {
        assert!(ended.stdout.contains(phrase), "no {phrase:?} in\n{}", ended.stdout);
    }
    let all: Vec<String> =
        receipts(&directory).iter().map(|file| file.to_str().unwrap().to_owned()).collect();
    assert_eq!(all.len(), 8);
    let mut arguments = vec!["verify", "--json", "--committee", "out/committee.json"];
    arguments.extend(all.iter().map(String::as_str));
    let rows: Value =
        serde_json::from_str(&Build::Debug.run(&directory, &arguments).exits(0).stdout).unwrap();
    assert!(rows["files"].as_array().unwrap().iter().all(|row| row["verified"] == true), "{rows}");

    let text = fs::read_to_string(receipt).unwrap();
    let forged = text.replacen("index ", "index 1", 1);
    fs::write(directory.join("forged"), forged).unwrap();
    let ended = verify("forged", "out/committee.json").exits(10);
    assert!(ended.stderr.contains("error: forged: does not verify: "), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    fs::write(directory.join("garbage"), "hello").unwrap();
    let ended = verify("garbage", "out/committee.json").exits(2);
    assert!(ended.stderr.contains("garbage: is no proof"), "{}", ended.stderr);
    let ended = verify(file, "nowhere.json").exits(2);
    assert!(ended.stderr.contains("nowhere.json: cannot be read"), "{}", ended.stderr);
    assert!(ended.stderr.contains("a run writes `committee.json`"), "{}", ended.stderr);
    // A committee with one key exchanged is another chain, and says so itself.
    let committee = fs::read_to_string(directory.join("out/committee.json")).unwrap();
    fs::write(directory.join("other.json"), committee.replacen("\"stake\": 1", "\"stake\": 3", 1)).unwrap();
    let ended = verify(file, "other.json").exits(2);
    assert!(ended.stderr.contains("a member or the genesis was changed"), "{}", ended.stderr);
    // The worst of several is the exit.
    Build::Debug.run(&directory, &["verify", file, "forged", "--committee", "out/committee.json"]).exits(10);
}

/// C2SP signed note, C2SP checkpoint, RFC 6962 inclusion: by other people's code alone, from the text alone.
#[test]
fn receipts_verify_with_independent_implementations() {
    let directory = results("independent");
    let committee = json(&directory.join("out/committee.json"));
    let keys: Vec<String> = committee["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["verifier"].as_str().unwrap().to_owned())
        .collect();
    let verifiers = || {
        let verifier = |key: &String| Box::new(StandardVerifier::new(key).unwrap()) as Box<dyn Verifier>;
        VerifierList::new(keys.iter().map(verifier).collect())
    };
    for file in receipts(&directory) {
        let text = fs::read_to_string(file).unwrap();
        let (head, note) = text.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
        let entry = BASE64.decode(lines.next().unwrap().strip_prefix("extra ").unwrap()).unwrap();
        let index: u64 = lines.next().unwrap().strip_prefix("index ").unwrap().parse().unwrap();
        let proof: Vec<Hash> = lines.map(|line| Hash::parse_hash(line).unwrap()).collect();

        let note = Note::from_bytes(note.as_bytes()).unwrap();
        let (signed, unknown) = note.verify(&verifiers()).unwrap();
        assert!(signed.len() >= 3 && unknown.is_empty(), "{} of 4 sign", signed.len());
        let checkpoint = TlogCheckpoint::from_bytes(note.text()).unwrap();
        assert_eq!(checkpoint.origin(), format!("amanah/{}", committee["chain"].as_str().unwrap()));
        let (size, root) = (checkpoint.size(), *checkpoint.hash());
        check_record(&proof, size, root, index, record_hash(&entry)).unwrap();
        // The same code refuses what ours refuses.
        let mut other = entry.clone();
        other[0] ^= 1;
        assert!(check_record(&proof, size, root, index, record_hash(&other)).is_err());
        assert!(check_record(&proof, size, root, index + 1, record_hash(&entry)).is_err());
    }
    let text = fs::read_to_string(&receipts(&directory)[0]).unwrap();
    let note = text.split_once("\n\n").unwrap().1.replacen("commit ", "commit 1", 1);
    assert!(Note::from_bytes(note.as_bytes()).unwrap().verify(&verifiers()).is_err());
}

#[test]
fn an_audit_lists_every_access_and_is_verified_like_a_receipt() {
    let directory = results("audit");
    let audit = |arguments: &[&str]| {
        let mut all = vec!["audit", "out"];
        all.extend(arguments);
        Build::Debug.run(&directory, &all)
    };
    let ended = audit(&["--patient", "0", "--out", "p0.audit.json"]).exits(0);
    for phrase in
        ["accesses to the records of patient 0 (party ", "TREAT", "of hospital ", "nothing is left out: "]
    {
        assert!(ended.stdout.contains(phrase), "no {phrase:?} in\n{}", ended.stdout);
    }
    let verify =
        |file: &str| Build::Debug.run(&directory, &["verify", file, "--committee", "out/committee.json"]);
    let verified = verify("p0.audit.json").exits(0);
    assert!(verified.stdout.contains("nothing is left out: "), "{}", verified.stdout);
    let file = json(&directory.join("p0.audit.json"));
    let accesses = file["accesses"].as_array().unwrap();
    assert!(accesses.len() > 3, "{}", accesses.len());
    // The same patient by party number, on stdout.
    let party = format!("party:{}", file["patient"]);
    let printed: Value =
        serde_json::from_str(&audit(&["--patient", &party, "--json"]).exits(0).stdout).unwrap();
    assert_eq!(printed, file);

    let tampered = |change: &dyn Fn(&mut Value), message: &str, code: i32| {
        let mut file = file.clone();
        change(&mut file);
        fs::write(directory.join("bad.json"), file.to_string()).unwrap();
        let ended = verify("bad.json").exits(code);
        assert!(ended.stderr.contains(message), "{message}: {}", ended.stderr);
    };
    let remove = |number: usize| {
        move |file: &mut Value| {
            file["accesses"].as_array_mut().unwrap().remove(number);
        }
    };
    tampered(&remove(0), "an access is left out: number 1 is missing", 10);
    tampered(&remove(accesses.len() - 1), "accesses are left out: ", 10);
    tampered(&|file| file["accesses"] = Value::Array(Vec::new()), "accesses are left out: 0 are listed", 10);
    tampered(
        &|file| file["accesses"][1]["decisions"][0]["why"] = "PATRQT".into(),
        "is not what it proves",
        10,
    );
    tampered(&|file| file["accesses"][0]["entry"] = file["accesses"][1]["entry"].take(), "", 2);
    tampered(&|file| file["format"] = "amanah-audit/7".into(), "this program reads \"amanah-audit/1\"", 2);
    tampered(&|file| file["counter"] = "AAAA".into(), "its `counter`: ", 2);

    for (patient, message) in
        [("12", "patients are numbered 0 to 11"), ("party:0", "there is no such patient"), ("x", "")]
    {
        let ended = audit(&["--patient", patient]).exits(2);
        assert!(ended.stderr.contains(message), "{}", ended.stderr);
    }
    Build::Debug.run(&directory, &["audit", "nowhere", "--patient", "0"]).exits(2);
    // Of another seed it would be another run.
    let result = fs::read_to_string(directory.join("out/result.json")).unwrap();
    fs::write(directory.join("other.json"), result.replace("\"seed\": 1", "\"seed\": 2")).unwrap();
    let ended = Build::Debug.run(&directory, &["audit", "other.json", "--patient", "0"]).exits(20);
    assert!(ended.stderr.contains("an audit of it would say nothing"), "{}", ended.stderr);
}

fn audited(patient: u64, bugs: &[SeededBug]) -> (Committee, PatientAudit) {
    let plan = plan(SCENARIO);
    let party = Population::new(&plan, &Seed::new(plan.seed), 1).patient(patient);
    let options = Options { bugs: bugs.to_vec(), ..Options::default() };
    let (run, audit) = run_audited(&plan, &options, party, &mut |_| Control::Continue).unwrap();
    ((*run.committee).clone(), audit.unwrap())
}

/// An auditor that keeps silent about one access is caught, whoever's it is.
#[test]
fn an_auditor_that_leaves_out_an_access_is_caught() {
    for patient in 0..3 {
        let (committee, good) = audited(patient, &[]);
        let proven = good.verify(&committee, &mut BatchVerifier).unwrap();
        assert!(proven.len() > 1, "patient {patient} was asked for {} times", proven.len());
        let (_, bad) = audited(patient, &[SeededBug::Auditor]);
        let error = bad.verify(&committee, &mut BatchVerifier).unwrap_err();
        let caught = matches!(error, AuditError::Missing { .. } | AuditError::MissingLast { .. });
        assert!(caught, "{error:?}");
    }
}

/// What the audit lists is what the run's history knows: permits and refusals, break-glass too. Looking changes nothing.
#[test]
fn an_audit_agrees_with_the_history_and_changes_nothing() {
    let plan = plan(SCENARIO);
    let population = Population::new(&plan, &Seed::new(plan.seed), 1);
    let untouched = run(&plan, &Options::default());
    let mut permits = 0;
    for patient in 0..plan.population.patients {
        let party: PartyId = population.patient(patient);
        let (run, audit) =
            run_audited(&plan, &Options::default(), party, &mut |_| Control::Continue).unwrap();
        assert_eq!(run.digest, untouched.digest);
        let proven = audit.unwrap().verify(&run.committee, &mut BatchVerifier).unwrap();
        let decided = run.history.executed.iter().flat_map(|(_, done)| done.answers.iter());
        let decided: Vec<Outcome> = decided
            .filter(|answer| answer.decision.is_some_and(|decision| decision.patient == party))
            .map(|answer| answer.outcome)
            .collect();
        assert_eq!(proven.iter().map(|row| row.outcome).collect::<Vec<_>>(), decided);
        permits += decided.iter().filter(|outcome| matches!(outcome, Outcome::Permitted { .. })).count();
    }
    assert!(permits > 20, "{permits}");
}

/// `committee.json` and `Receipt::from_text` are inverse to what is written, for the real thing.
#[test]
fn files_are_read_back() {
    let directory = results("files");
    let committee = committee_file::read(&directory.join("out/committee.json")).unwrap();
    assert_eq!(
        committee_file::to_json(&committee),
        fs::read_to_string(directory.join("out/committee.json")).unwrap()
    );
    for file in receipts(&directory) {
        let text = fs::read_to_string(file).unwrap();
        assert_eq!(Receipt::from_text(&text, &committee).unwrap().to_text(&committee), text);
    }
}
