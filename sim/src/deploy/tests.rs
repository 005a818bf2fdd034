//! What is written is read back; what is wrong is refused, all of it at once.

use super::*;
use crate::plan::Plan;
use crate::population::Population;
use crate::scenario::Scenario;
use crate::seed::Seed;
use ledger_core::committee::ReplicaId;
use ledger_core::seam::GatewayId;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const SCENARIO: &str = "name: trial
duration: 2s
ledger: { replicas: 4 }
network: { topology: lan }
population: { patients: 20, hospitals: 2, staff: 2 }
workloads:
  - personal_health_record: { rate: 20/s }
";

const OPAQUE: &str = "name: trial
duration: 2s
ledger: { replicas: 4 }
network: { topology: lan }
workloads:
  - opaque: { rate: 20/s, size: 512B }
";

fn plan(text: &str) -> Plan {
    Plan::from_scenario(&Scenario::parse("test.yaml", text).unwrap()).unwrap()
}

/// An empty directory, removed with its guard.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("amanah-deploy-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A consortium of four replicas and, where something is executed, two gateways and an auditor.
fn written(name: &str, scenario: &str) -> (Scratch, Plan) {
    let scratch = Scratch::new(name);
    let plan = plan(scenario);
    let population = Population::new(&plan, &Seed::new(plan.seed), 1);
    let address = |port: usize| format!("127.0.0.1:{port}");
    let endpoints = Endpoints {
        replicas: (7000..7004).map(address).collect(),
        gateways: (7100..7102).map(address).collect(),
    };
    let genesis = SystemTime::UNIX_EPOCH + Duration::new(1_795_000_000, 123_456_789);
    let auditor = Some("127.0.0.1:7200");
    write_consortium(&scratch.0, &plan, &population, &endpoints, genesis, auditor).unwrap();
    let load = LoadPlan {
        rate_mhz: 20_500,
        size_bytes: 512,
        seed: 7,
        start: Some(Duration::from_millis(1_500)),
        duration: Duration::from_secs(60),
        sample: 3,
    };
    let load = (!plan.ledger.execution).then_some(&load);
    for (index, listen) in endpoints.replicas.iter().enumerate() {
        write_replica(&scratch.0, ReplicaId(index as u16), listen, Report::Stdout, None, load).unwrap();
    }
    if plan.ledger.execution {
        for (index, listen) in endpoints.gateways.iter().enumerate() {
            write_gateway(&scratch.0, &plan, &population, GatewayId(index as u32), listen).unwrap();
        }
    }
    (scratch, plan)
}

#[test]
fn what_is_written_is_read_back() {
    let (scratch, plan) = written("back", SCENARIO);
    let consortium = Consortium::read(&scratch.0.join(CONSORTIUM_FILE)).unwrap();
    assert_eq!((consortium.replicas.len(), consortium.institutions.len()), (4, 3));
    assert_eq!(consortium.replicas[3].address, "127.0.0.1:7003");
    assert_eq!(consortium.institutions[2].gateway, auditor_gateway(&plan));
    let since = consortium.genesis_time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(since, Duration::new(1_795_000_000, 123_456_789));
    let population = Population::new(&plan, &Seed::new(plan.seed), 1);
    let ledger = consortium.load_genesis().unwrap().unwrap();
    assert_eq!(ledger.state_root(), population.genesis_ledger().state_root());

    let replica = ReplicaFile::read(&scratch.0.join("replica-2.yaml")).unwrap();
    assert_eq!(replica.id, ReplicaId(2));
    assert_eq!(replica.key.public(), consortium.replicas[2].member.key);
    assert_eq!(replica.data, scratch.0.join("data/replica-2"));
    assert_eq!(replica.report.as_deref(), Some(Path::new("/dev/stdout")));
    assert_eq!(replica.load, None);

    let gateway = GatewayFile::read(&scratch.0.join("gateway-1.yaml")).unwrap();
    assert_eq!(gateway.secret.bytes(), population.gateway_secret(GatewayId(1)));
    assert!(gateway.actors.len() >= 2, "its staff");
    for actor in &gateway.actors {
        assert_eq!(actor.key.public(), population.key_of(actor.party).public());
        assert!(gateway.actor(actor.party).is_some());
    }
}

#[test]
fn a_consortium_that_executes_nothing_has_load_and_no_institutions() {
    let (scratch, _) = written("opaque", OPAQUE);
    let replica = ReplicaFile::read(&scratch.0.join("replica-0.yaml")).unwrap();
    assert!(replica.consortium.institutions.is_empty());
    assert!(replica.consortium.load_genesis().unwrap().is_none());
    let load = replica.load.unwrap();
    assert_eq!((load.rate_mhz, load.size_bytes, load.seed, load.sample), (20_500, 512, 7, 3));
    assert_eq!((load.start, load.duration), (Some(Duration::from_millis(1_500)), Duration::from_secs(60)));
}

#[test]
fn a_consortium_is_not_written_over_another() {
    let (scratch, plan) = written("over", OPAQUE);
    let population = Population::new(&plan, &Seed::new(1), 1);
    let endpoints = Endpoints { replicas: Vec::new(), gateways: Vec::new() };
    let again = write_consortium(&scratch.0, &plan, &population, &endpoints, SystemTime::now(), None);
    assert!(matches!(again, Err(WriteError::Exists(_))));
}

/// Changes a file and says what reading it as a replica's complains of.
#[track_caller]
fn refused(scratch: &Scratch, file: &str, from: &str, to: &str, phrases: &[&str]) {
    let path = scratch.0.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}:\n{text}");
    fs::write(&path, text.replace(from, to)).unwrap();
    let errors = ReplicaFile::read(&scratch.0.join("replica-0.yaml")).unwrap_err().render(false);
    for phrase in phrases {
        assert!(errors.contains(phrase), "no {phrase:?} in\n{errors}");
    }
    fs::write(&path, text).unwrap();
}

#[test]
fn every_mistake_is_said_with_its_place_and_cure() {
    let (scratch, _) = written("mistakes", SCENARIO);
    let file = "replica-0.yaml";
    refused(&scratch, file, "format: 1", "format: 2", &["replica-0.yaml:2:9: format", "reads format 1"]);
    refused(&scratch, file, "listen:", "lisden:", &["unknown key `lisden`", "did you mean `listen`?"]);
    refused(
        &scratch,
        file,
        "replica-0.key",
        "replica-1.key",
        &["not the key of replica 0", "consortium names"],
    );
    refused(&scratch, file, "id: 0", "id: 9", &["replica 9 does not exist", "0 to 3"]);
    refused(&scratch, file, "\"127.0.0.1:7000\"", "nowhere", &["`nowhere` is not an address", "host:port"]);
    refused(
        &scratch,
        file,
        "report: stdout",
        "load: { rate: 1/s, size: 512B, start: 0s, duration: 1s }",
        &["opaque load where a ledger executes"],
    );
    let public = "consortium.yaml";
    refused(
        &scratch,
        public,
        "name: trial",
        "name: trail",
        &["not the chain of these members", "another chain"],
    );
    refused(&scratch, public, "stake: 1", "stake: 0", &["replicas[0].stake", "too small"]);
    refused(&scratch, public, ".123456789Z", "", &["is not a moment", "2026-11-22T21:00:00Z"]);
    refused(&scratch, public, ":7001", ":7000", &["this address is there twice", "already on line"]);
    refused(&scratch, public, "gateway: 1", "gateway: 0", &["this gateway is there twice"]);
    refused(&scratch, public, "home: 1", "home: 7", &["replica 7 does not exist"]);
    refused(&scratch, public, "cubic", "qubic", &["did you mean `cubic`?"]);

    // Mistakes of both files at once.
    let path = scratch.0.join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("id: 0", "id: zero")).unwrap();
    refused(&scratch, public, "stake: 1", "stake: 0", &["`zero` is not a whole number", "replicas[3].stake"]);
}

#[test]
fn a_vault_is_a_directory_or_a_bucket() {
    let (scratch, _) = written("vaults", SCENARIO);
    let path = scratch.0.join("gateway-1.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let with = |vault: &str| {
        fs::write(&path, text.replace("vault: vault/gateway-1", vault)).unwrap();
        GatewayFile::read(&path).map_err(|errors| errors.render(false))
    };
    let directory = with("vault: vault/gateway-1").unwrap();
    let documents = scratch.0.join("vault/gateway-1");
    assert_eq!((&directory.vault, &directory.state), (&VaultPlace::Directory(documents.clone()), &documents));
    let bucket = with("vault: s3://records/one?endpoint=http://127.0.0.1:9000").unwrap();
    assert_eq!(bucket.state, scratch.0.join("state/gateway-1"));
    let VaultPlace::Bucket(place) = bucket.vault else { panic!("{:?}", bucket.vault) };
    assert_eq!((place.bucket.as_str(), place.prefix.as_str()), ("records", "one"));
    let moved = with("vault: s3://records\nstate: elsewhere").unwrap();
    assert_eq!(moved.state, scratch.0.join("elsewhere"));
    for (vault, phrases) in [
        ("vault: gs://records", ["gateway-1.yaml:", "no vault is reached by `gs`", "`s3://bucket/prefix"]),
        ("vault: s3://Records", ["gateway-1.yaml:", "is no bucket", "expected a directory"]),
        ("vault: s3://records?key=x", ["vault", "a vault has no `key`", "`endpoint` and `region`"]),
    ] {
        let errors = with(vault).unwrap_err();
        assert!(phrases.iter().all(|phrase| errors.contains(phrase)), "{vault}:\n{errors}");
    }
}

#[test]
fn another_genesis_file_is_refused() {
    let (scratch, _) = written("genesis", SCENARIO);
    let path = scratch.0.join(GENESIS_FILE);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = ReplicaFile::read(&scratch.0.join("replica-0.yaml")).unwrap().consortium.load_genesis();
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the consortium names"), "{error}");
}

#[test]
fn keys_are_private_and_never_written_over() {
    let scratch = Scratch::new("keys");
    let file = scratch.0.join("one.key");
    let key = SecretSeed::fresh().unwrap();
    key.write(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SecretSeed::read(&file).unwrap().bytes(), key.bytes());
    assert!(matches!(SecretSeed::fresh().unwrap().write(&file), Err(KeyError::Exists { .. })));
    assert_eq!(SecretSeed::read(&file).unwrap().bytes(), key.bytes());
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "nothing is left beside it");

    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let error = SecretSeed::read(&file).unwrap_err().to_string();
    assert!(error.contains("readable by others (mode 640)") && error.contains("chmod 600"), "{error}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, "amanah-secret-1 abc\n").unwrap();
    assert!(matches!(SecretSeed::read(&file), Err(KeyError::NotAKey { .. })));
    assert!(matches!(key.write(Path::new("/no/such/place")), Err(KeyError::Io { .. })));
    assert_ne!(SecretSeed::fresh().unwrap().bytes(), SecretSeed::fresh().unwrap().bytes());
    assert_eq!(format!("{key:?}"), "SecretSeed(..)");
}
