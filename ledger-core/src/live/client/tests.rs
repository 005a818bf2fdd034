use super::*;
use crate::codec::List;
use crate::ledger::transaction::{
    Action, Confidentiality, Grantee, Outcome, Purpose, RecordClass, Scope, Sensitivities, TransactionBody,
};
use crate::live::tests::Consortium;
use crate::live::tests::exchange::{HOSPITALS, PATIENT, hospitals, key_of, transport_key};
use crate::seam::Peer;
use crate::time::Timestamp;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn options(consortium: &Consortium) -> ClientOptions {
    let replicas = consortium.committee.replicas();
    let replicas = replicas.map(|replica| (replica, consortium.addresses[&Peer::Replica(replica)])).collect();
    ClientOptions::new(consortium.committee.clone(), replicas, transport_key(0))
}

fn grant(sequence: u64) -> TransactionBody {
    let scope = Scope {
        grantee: Grantee::Party(HOSPITALS[1]),
        classes: List::new(vec![RecordClass::DiagnosticReport]).unwrap(),
        confidentiality_max: Confidentiality::R,
        sensitivities: Sensitivities(0),
        purposes: List::new(vec![Purpose::TREAT]).unwrap(),
        from: Timestamp::ZERO,
        until: Timestamp::MAX,
        redisclosure: false,
    };
    let valid_until = Timestamp::after_genesis(Duration::from_secs(1_000));
    TransactionBody {
        actor: PATIENT,
        organisation: PATIENT,
        sequence,
        valid_until,
        atomic: false,
        actions: Action::GrantConsent { patient: PATIENT, scope }.into(),
    }
}

#[test]
fn a_client_gets_verified_receipts() {
    let consortium = hospitals();
    let mut replicas = consortium.start_all();
    runtime().block_on(async {
        let client = Client::new(options(&consortium)).unwrap();
        let chain = consortium.committee.chain();
        let (transaction, bytes) = Transaction::sign(chain, grant(1), &key_of(PATIENT));
        let receipt = client.submit(bytes.clone()).await.unwrap();
        assert_eq!(receipt.entry.transaction, transaction.digest);
        assert!(matches!(receipt.entry.answers[0].outcome, Outcome::ConsentRegistered(_)));
        // A repetition is answered like the first.
        assert_eq!(client.submit(bytes).await.unwrap().entry, receipt.entry);
        assert_eq!(client.entry(receipt.index).await.unwrap().entry, receipt.entry);
        assert!(matches!(client.entry(99).await, Err(ClientError::NoEntry(99))));

        // What the ledger refuses has a receipt too; what is not signed by its actor has none.
        let (_, stale) = Transaction::sign(chain, grant(1), &key_of(PATIENT));
        let (_, other) =
            Transaction::sign(chain, TransactionBody { sequence: 1, ..grant(1) }, &key_of(HOSPITALS[0]));
        let refused = client.submit(other).await.unwrap().entry.answers[0].outcome;
        assert!(matches!(refused, Outcome::Refused(_)), "{refused:?}");
        let mut forged = stale.to_vec();
        *forged.last_mut().unwrap() ^= 1;
        assert!(matches!(client.submit(forged.into()).await, Err(ClientError::Rejected)));
        assert!(matches!(client.submit(Bytes::from_static(b"junk")).await, Err(ClientError::Malformed(_))));

        // The replica that it asked is gone: another one answers.
        replicas.remove(0).handle.shutdown().unwrap();
        let (_, bytes) = Transaction::sign(chain, grant(2), &key_of(PATIENT));
        assert!(matches!(
            client.submit(bytes).await.unwrap().entry.answers[0].outcome,
            Outcome::ConsentRegistered(_)
        ));
        client.close().await;
    });
    replicas.into_iter().for_each(|replica| replica.handle.shutdown().unwrap());
}

#[test]
fn a_client_without_a_registered_key_gets_nothing() {
    let consortium = hospitals();
    let replicas = consortium.start_all();
    runtime().block_on(async {
        let unknown = ClientOptions {
            transport_key: SecretKey::from_seed([77; 32]),
            patience: Duration::from_millis(500),
            ..options(&consortium)
        };
        let client = Client::new(unknown).unwrap();
        assert!(matches!(client.entry(0).await, Err(ClientError::TimedOut)));
    });
    replicas.into_iter().for_each(|replica| replica.handle.shutdown().unwrap());
}
