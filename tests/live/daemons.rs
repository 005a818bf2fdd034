//! Daemons as operators and institutions use them: the API, health, metrics, signals, restarts.

use super::cluster::{Cluster, http};
use base64::Engine as _;
use ledger_core::audit::Receipt;
use ledger_core::crypto::BatchVerifier;
use serde_json::{Value, json};
use sim::deploy::{Consortium, GatewayFile};

/// Somebody on the staff of a gateway, and a patient whose agent it is.
pub fn people(cluster: &Cluster, gateway: usize) -> (u32, u32) {
    let file = GatewayFile::read(&cluster.directory.join(format!("gateway-{gateway}.yaml"))).unwrap();
    let staff = file.actors.iter().find(|actor| actor.party != actor.organisation).unwrap();
    let patient = file.actors.iter().find(|actor| actor.party == actor.organisation).unwrap();
    (staff.party.0, patient.party.0)
}

/// The receipt in an answer holds with the committee's keys alone.
fn receipt(cluster: &Cluster, answer: &Value) -> Receipt {
    let text = answer["receipt"].as_str().unwrap_or_else(|| panic!("no receipt in {answer}"));
    let receipt = Receipt::decode(&base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap();
    let consortium = Consortium::read(&cluster.directory.join("consortium.yaml")).unwrap();
    receipt.verify(&consortium.committee, &mut BatchVerifier).unwrap();
    receipt
}

#[test]
fn a_record_is_registered_permitted_shared_and_proven_through_the_api() {
    let mut cluster = Cluster::new("api");
    cluster.start_replicas();
    (0..3).for_each(|gateway| cluster.start("gateway", gateway));
    cluster.commits(1);
    let ((staff, patient), (elsewhere, _)) = (people(&cluster, 0), people(&cluster, 1));
    let document = base64::engine::general_purpose::STANDARD.encode("a report");
    let register =
        json!({ "actor": staff, "patient": patient, "class": "Observation", "document": document });
    let (code, answer) = cluster.post(0, "register", &register);
    assert_eq!((code, &answer["end"]), (200, &json!("done")), "{answer}");
    assert_eq!(receipt(&cluster, &answer).index, answer["log_index"].as_u64().unwrap());
    let record: u32 = number(&answer["detail"]);

    let scope = json!({
        "everyone": "Hospital", "classes": ["Observation"], "purposes": ["TREAT"],
    });
    let (code, answer) = cluster.post(0, "grant", &json!({ "actor": patient, "scope": scope }));
    assert_eq!(code, 200, "{answer}");
    let consent = number(&answer["detail"]);
    let share = json!({ "actor": elsewhere, "record": record, "purpose": "TREAT", "consent": consent });
    let (code, answer) = cluster.post(1, "share", &share);
    assert_eq!(code, 200, "{answer}");
    let index = answer["log_index"].as_u64().unwrap();
    receipt(&cluster, &answer);
    let (code, answer) = cluster.post(2, "audit", &json!({ "actor": people(&cluster, 2).0, "index": index }));
    assert_eq!(code, 200, "{answer}");

    // A restarted gateway knows what it took into custody.
    assert!(cluster.end("gateway", 0, "TERM").success());
    cluster.start("gateway", 0);
    let (code, answer) = cluster.post(1, "share", &share);
    assert_eq!(code, 200, "{answer}");

    // After the revocation the ledger refuses, and proves it.
    let (code, answer) = cluster.post(0, "revoke", &json!({ "actor": patient, "consent": consent }));
    assert_eq!(code, 200, "{answer}");
    let (code, answer) = cluster.post(1, "share", &share);
    assert_eq!((code, &answer["end"]), (409, &json!("refused")), "{answer}");
    receipt(&cluster, &answer);

    // Each institution has a name of its own for a patient, and the same each time.
    let called = |gateway: u16, actor: u32| {
        let (code, answer) =
            cluster.post(gateway, "pseudonym", &json!({ "actor": actor, "patient": patient }));
        assert_eq!(code, 200, "{answer}");
        answer["pseudonym"].as_str().unwrap().to_owned()
    };
    assert_eq!(called(0, staff), called(0, staff));
    assert_ne!(called(0, staff), called(1, elsewhere));
    let (code, answer) = cluster.post(0, "pseudonym", &json!({ "actor": staff }));
    assert!(code == 400 && answer["error"].as_str().unwrap().contains("`patient` is missing"), "{answer}");

    let (code, answer) = cluster.post(0, "revoke", &json!({ "actor": 999, "consent": 1 }));
    assert_eq!(code, 404, "{answer}");
    let (code, answer) = cluster.post(0, "share", &json!({ "actor": staff, "recrod": 1 }));
    assert!(code == 400 && answer["error"].as_str().unwrap().contains("recrod"), "{answer}");
}

/// The number in "RecordRegistered(RecordId(7))".
fn number(detail: &Value) -> u32 {
    let digits: String = detail.as_str().unwrap().chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{detail}"))
}

#[test]
fn a_replica_says_how_it_is_and_ends_when_it_is_told_to() {
    let mut cluster = Cluster::new("signals");
    cluster.start_replicas();
    cluster.commits(1);
    let (code, health) = http("GET", cluster.replica_port(0), "/health/live", "").unwrap();
    assert!(code == 200 && health == "live\n", "{health}");
    for signal in ["TERM", "INT"] {
        assert!(cluster.end("replica", 3, signal).success(), "{}", super::logs(&cluster.directory));
        cluster.start("replica", 3);
        cluster.commits(5);
    }
    assert!(!cluster.end("replica", 2, "KILL").success());
    cluster.start("replica", 2);
    cluster.commits(5);
}
