//! Files in every form, and what is refused of each.

use super::*;
use ledger_core::audit::{AuditLog, CheckpointBody, Entry};
use ledger_core::codec::List;
use ledger_core::committee::{Member, ReplicaId, Stake};
use ledger_core::crypto::{Digest, SecretKey};
use ledger_core::ledger::transaction::{Answer, Outcome, PartyId, RecordId};
use ledger_core::time::Timestamp;

fn keys() -> Vec<SecretKey> {
    (1..=4).map(|n| SecretKey::from_seed([n; 32])).collect()
}

fn committee() -> Committee {
    let member = |(n, key): (usize, &SecretKey)| Member {
        name: format!("replica-{n}.oslo"),
        key: key.public(),
        stake: Stake(1),
    };
    Committee::new(b"test", keys().iter().enumerate().map(member).collect()).unwrap()
}

fn receipt() -> Receipt {
    let answer = Answer { outcome: Outcome::RecordRegistered(RecordId(3)), decision: None };
    let entry = Entry {
        commit: 5,
        commit_time: Timestamp(1_234_000_000),
        transaction: Digest([9; 32]),
        actor: PartyId(44),
        answers: List::new(vec![answer]).unwrap(),
    };
    let mut log = AuditLog::default();
    for n in 0..9 {
        log.append(if n == 4 { entry.leaf_hash() } else { Digest([n; 32]) });
    }
    let body = CheckpointBody {
        chain: committee().chain(),
        size: 9,
        root: log.root(),
        commit: 7,
        commit_digest: Digest([1; 32]),
        state_root: Digest([2; 32]),
    };
    let signatures = [0u16, 1, 3].map(|n| (ReplicaId(n), body.sign(&keys()[n as usize])));
    let checkpoint = Checkpoint::new(body, signatures.to_vec()).unwrap();
    let proof = List::new(log.inclusion_proof(4, 9).unwrap()).unwrap();
    Receipt { entry, index: 4, proof, checkpoint }
}

struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("amanah-proof-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn read(name: &str, text: &str) -> Result<Evidence, EvidenceError> {
    Evidence::read(&File::new(name, text).0, &committee())
}

#[test]
fn a_receipt_is_read_in_every_form() {
    let (receipt, committee) = (receipt(), committee());
    let encoded = BASE64.encode(receipt.encode());
    let forms = [
        receipt.to_text(&committee),
        encoded.clone(),
        format!("{encoded}\n"),
        format!("{{\"end\": \"done\", \"receipt\": \"{encoded}\", \"log_index\": 4}}"),
    ];
    for (number, form) in forms.iter().enumerate() {
        let evidence = read(&format!("form-{number}"), form).unwrap();
        assert_eq!(evidence.verify(&committee).unwrap(), Proven::Receipt(&receipt), "{form}");
    }
    let note = read("note", &receipt.checkpoint.note(&committee)).unwrap();
    assert_eq!(note.verify(&committee).unwrap(), Proven::Checkpoint(&receipt.checkpoint));
    let words = super::receipt(&receipt);
    for part in ["entry    4 of the log", "party 44", "1.234 s", "commit 5", "record 3 is registered"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    let words = checkpoint(&receipt.checkpoint, &committee);
    assert!(
        words.contains("3 of 4 replicas, a quorum: replica-0.oslo, replica-1.oslo, replica-3.oslo"),
        "{words}"
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_its_reason() {
    let text = receipt().to_text(&committee());
    let unusable = [
        ("empty", "", "is no proof"),
        ("binary", "\u{1}", "is no proof"),
        ("version", &text.replace("@v1", "@v2"), "its first line is not"),
        ("cut", &text[..text.len() - 5], "cut short"),
        ("json", "{", "is no audit: EOF"),
        ("other-json", "{\"format\": \"x\"}", "its `format` is \"x\""),
        ("base64", "AAAA", "malformed"),
    ];
    for (name, text, reason) in unusable {
        let error = read(name, text).unwrap_err().to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
    let missing = Evidence::read(Path::new("no/such/file"), &committee()).unwrap_err().to_string();
    assert!(missing.starts_with("no/such/file: cannot be read"), "{missing}");
}

#[test]
fn what_does_not_convince_is_told_apart_from_what_cannot_be_used() {
    let (good, committee) = (receipt(), committee());
    let mut forged = good.clone();
    forged.entry.actor = PartyId(45);
    let evidence = read("forged", &forged.to_text(&committee)).unwrap();
    assert!(matches!(evidence.verify(&committee), Err(Unproven::Receipt(ReceiptError::Proof(_)))));
    let mut short = good.clone();
    short.checkpoint.signatures = List::new(short.checkpoint.signatures[..2].to_vec()).unwrap();
    let error = read("short", &short.to_text(&committee)).unwrap().verify(&committee).unwrap_err();
    assert_eq!(error.to_string(), "stake 2 where a quorum is 3");
    // Another committee's keys are no signatures here, and another chain is another chain.
    let strangers = Committee::new(b"other", committee.members().to_vec()).unwrap();
    let error = Evidence::from(good).verify(&strangers).unwrap_err();
    assert_eq!(error.to_string(), "a checkpoint of another chain");
}
