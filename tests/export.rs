//! `amanah export`: what a run leaves as FHIR and EPCIS, and what cannot be exported.

use crate::amanah::{Build, directory, names};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Documents, consents, emergencies and bundles of requests, with little of each.
const SCENARIO: &str = "# What happened?
name: exported
seed: 5
duration: 4s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population: { patients: 60, hospitals: 4, pharmacies: 2, laboratories: 1, insurers: 1, staff: 3 }
documents: fhir
workloads:
  - personal_health_record:
      rate: 80/s
      mix: { register: 30%, share: 30%, consent: 30%, audit: 5%, break_glass: 5% }
  - access_decisions: { rate: 40/s, bundle: 4 }
expect:
  - safety
  - documents.defective == 0
";

/// One value of EDN as a history has it: maps, vectors, keywords, integers and nil. Returns what is left.
fn edn(text: &str) -> (Value, &str) {
    let text = text.trim_start_matches([' ', ',']);
    let word = |text: &str| text.find([' ', ',', '}', ']']).unwrap_or(text.len());
    match text.as_bytes()[0] {
        b'{' | b'[' => {
            let (map, mut rest, mut items) = (text.starts_with('{'), &text[1..], Vec::new());
            while !rest.starts_with(['}', ']']) {
                let (item, left) = edn(rest);
                items.push(item);
                rest = left.trim_start_matches([' ', ',']);
            }
            let pairs =
                items.chunks(2).map(|pair| (pair[0].as_str().unwrap_or("?").to_owned(), pair[1].clone()));
            let value = if map { Value::Object(pairs.collect()) } else { Value::Array(items) };
            (value, &rest[1..])
        }
        b':' => {
            let (keyword, rest) = text[1..].split_at(word(&text[1..]));
            (Value::from(keyword), rest)
        }
        _ => {
            let (token, rest) = text.split_at(word(text));
            let value = if token == "nil" { Value::Null } else { Value::from(token.parse::<u64>().unwrap()) };
            (value, rest)
        }
    }
}

/// Histories read back as they were written, in either form; each process has one operation under way; what is read of a
/// register was written before, and each list has what was appended to it.
#[test]
fn histories_are_what_other_checkers_read() {
    let directory = directory("jepsen");
    let scenario = SCENARIO.replace("mix: { register: 30%, share: 30%", "mix: { register: 15%, share: 45%");
    fs::write(directory.join("exported.yaml"), scenario).unwrap();
    Build::Debug.run(&directory, &["run", "exported.yaml", "--out", "out"]).exits(0);
    Build::Debug.run(&directory, &["export", "out", "--history", "history"]).exits(0);
    for name in ["registers", "appends"] {
        let read = |kind: &str| fs::read_to_string(directory.join(format!("history/{name}.{kind}"))).unwrap();
        let lines: Vec<Value> =
            read("json").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let same: Vec<Value> = read("edn").lines().map(|line| edn(line).0).collect();
        assert_eq!(lines, same, "{name}");
        let mut under_way: BTreeMap<u64, &Value> = BTreeMap::new();
        let mut known: BTreeSet<String> = BTreeSet::new();
        let (mut reads, mut time) = (0, 0);
        for line in &lines {
            let process = line["process"].as_u64().unwrap();
            assert!(line["time"].as_u64().unwrap() >= time, "{line}");
            time = line["time"].as_u64().unwrap();
            match line["type"].as_str().unwrap() {
                "invoke" => assert!(under_way.insert(process, line).is_none(), "{line}"),
                _ => assert_eq!(
                    under_way.remove(&process).map(|begun| &begun["f"]),
                    Some(&line["f"]),
                    "{line}"
                ),
            }
            let (value, ended) = (&line["value"], line["type"] == "ok");
            match (name, line["f"].as_str().unwrap()) {
                // A write may be seen as soon as it has begun.
                ("registers", "write") => drop(known.insert(value.to_string())),
                ("registers", "read") if ended => {
                    assert!(known.contains(&value.to_string()), "{line} was never written");
                    reads += 1;
                }
                ("appends", _) if value[0][0] == "append" => {
                    known.insert(format!("{} {}", value[0][1], value[0][2]));
                }
                ("appends", _) if ended => {
                    for place in value[0][2].as_array().unwrap() {
                        assert!(known.contains(&format!("{} {place}", value[0][1])), "{line}");
                        reads += 1;
                    }
                }
                _ => {}
            }
        }
        assert!(under_way.is_empty() && reads > 50, "{reads} of {name}");
    }
}

/// Every resource of an export, by type and id.
fn resources(directory: &Path) -> BTreeMap<(String, String), Value> {
    let mut found = BTreeMap::new();
    for name in names(directory) {
        let kind = name.strip_suffix(".ndjson").unwrap_or_else(|| panic!("{name} is no NDJSON"));
        for line in fs::read_to_string(directory.join(&name)).unwrap().lines() {
            let resource: Value = serde_json::from_str(line).unwrap();
            assert_eq!(resource["resourceType"], *kind, "{line}");
            let id = resource["id"].as_str().unwrap().to_owned();
            let twice = found.insert((kind.to_owned(), id), resource).is_some();
            assert!(!twice, "written twice: {line}");
        }
    }
    found
}

/// Every relative reference in a resource, but those into itself.
fn references(value: &Value, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Object(fields) => {
            if let Some((kind, id)) =
                fields.get("reference").and_then(Value::as_str).and_then(|r| r.split_once('/'))
            {
                found.insert((kind.to_owned(), id.to_owned()));
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_run_becomes_resources_that_name_each_other() {
    let directory = directory("export");
    fs::write(directory.join("exported.yaml"), SCENARIO).unwrap();
    Build::Debug.run(&directory, &["run", "exported.yaml", "--out", "out"]).exits(0);
    let arguments = ["export", "out", "--fhir", "fhir", "--epcis", "epcis"];
    let told = Build::Debug.run(&directory, &arguments).exits(0).stdout;
    let result = crate::amanah::json(&directory.join("out/result.json"));
    let metric = |name: &str| result["metrics"][name]["value"].as_u64().unwrap();
    let found = resources(&directory.join("fhir"));
    let count = |kind: &str| found.keys().filter(|(found, _)| found == kind).count() as u64;
    for kind in ["AuditEvent", "Consent", "DocumentReference", "Observation", "Patient", "Provenance"] {
        assert!(count(kind) > 0, "no {kind}: {told}");
        assert!(told.contains(kind), "{told}");
    }
    let registered: BTreeSet<(String, String)> = found
        .values()
        .filter(|resource| resource["resourceType"] == "Provenance")
        .flat_map(|resource| {
            let mut targets = BTreeSet::new();
            references(&resource["target"], &mut targets);
            targets
        })
        .collect();
    assert_eq!(registered.len() as u64, count("Provenance"));
    assert!(registered.iter().all(|target| found.contains_key(target)), "{registered:?}");
    // Each request was decided, and each decision is an audit event.
    let decided =
        found.values().filter(|r| r["resourceType"] == "AuditEvent" && r["type"]["code"] == "110112").count();
    assert!(
        decided as u64 >= metric("shares.completed") + metric("decisions.requested") * 9 / 10,
        "{decided}"
    );
    let refused = |r: &&Value| r["resourceType"] == "AuditEvent" && r["outcome"] == "4";
    assert!(found.values().filter(refused).all(|r| r["outcomeDesc"].is_string()));
    // Who acts, what it is about and under which consent is there; the staff named in documents need not be.
    for resource in
        found.values().filter(|r| r["resourceType"] == "AuditEvent" || r["resourceType"] == "Consent")
    {
        let mut named = BTreeSet::new();
        references(resource, &mut named);
        let missing = named.iter().find(|named| !found.contains_key(*named));
        assert_eq!(missing, None, "{resource}");
    }
    let events: Value =
        serde_json::from_str(&fs::read_to_string(directory.join("epcis/events.jsonld")).unwrap()).unwrap();
    assert_eq!(events["type"], "EPCISDocument");
    let again = ["export", "out/result.json", "--fhir", "again"];
    Build::Debug.run(&directory, &again).exits(0);
    for name in names(&directory.join("fhir")) {
        let [first, second] =
            ["fhir", "again"].map(|place| fs::read(directory.join(place).join(&name)).unwrap());
        assert_eq!(first, second, "{name} differs");
    }
}

#[test]
fn what_cannot_be_played_again_is_refused() {
    let directory = directory("export-refused");
    let ended = Build::Debug.run(&directory, &["export", "nothing.json", "--fhir", "x"]).exits(2);
    assert!(ended.stderr.contains("nothing.json: cannot be read"), "{}", ended.stderr);
    let opaque = "# How fast?\nname: opaque\nduration: 1s\nledger: { replicas: 4 }\nnetwork: { topology: lan }\nworkloads:\n  - opaque: { rate: 10/s, size: 64B }\nexpect:\n  - safety\n";
    fs::write(directory.join("opaque.yaml"), opaque).unwrap();
    Build::Debug.run(&directory, &["run", "opaque.yaml", "--out", "out"]).exits(0);
    let ended = Build::Debug.run(&directory, &["export", "out", "--fhir", "x"]).exits(2);
    assert!(ended.stderr.contains("there is nothing to export"), "{}", ended.stderr);
    let file = directory.join("out/result.json");
    let live = fs::read_to_string(&file)
        .unwrap()
        .replace("\"world\": \"simulated\"", "\"world\": \"live_loopback\"");
    fs::write(&file, live).unwrap();
    let ended = Build::Debug.run(&directory, &["export", "out", "--fhir", "x"]).exits(2);
    assert!(ended.stderr.contains("it was run live"), "{}", ended.stderr);
    assert!(!directory.join("x").exists());
}

/// A little of every system, and wrong-doing in the supply.
const SYSTEMS: &str = "# Do four systems leave documents that hold together?
name: systems
seed: 5
duration: 8s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population: { patients: 60, hospitals: 4, pharmacies: 6, insurers: 2, model_owners: 1, devices: 40, manufacturers: 2, wholesalers: 2, sponsors: 1, ethics_boards: 1, research_institutes: 1, staff: 3 }
workloads:
  - drug_supply: { rate: 120/s, recalled: 20%, expiring: 20%, counterfeit: 3%, clone: 3%, mislabelled: 3%, diversion: 3% }
  - telemedicine: { rate: 60/s, batch: 1s, batches: 2, deteriorating: 50%, spoofed_device: 4%, wrong_patient: 4% }
  - clinical_trial: { rate: 60/s, sites: 2, subjects: 4, visits: 2, visit_interval: 100ms, withdrawn: 10%, shared: 25% }
  - claims: { rate: 60/s, duplicate: 4%, not_covered: 4% }
expect:
  - safety
";

#[test]
fn every_system_is_exported_and_every_reference_resolves() {
    let directory = directory("export-systems");
    fs::write(directory.join("systems.yaml"), SYSTEMS).unwrap();
    Build::Debug.run(&directory, &["run", "systems.yaml", "--out", "out"]).exits(0);
    let arguments = ["export", "out", "--fhir", "fhir", "--epcis", "epcis"];
    Build::Debug.run(&directory, &arguments).exits(0);
    let found = resources(&directory.join("fhir"));
    for kind in [
        "Claim",
        "ClaimResponse",
        "Coverage",
        "CoverageEligibilityRequest",
        "CoverageEligibilityResponse",
        "Device",
        "Encounter",
        "MedicationDispense",
        "MedicationRequest",
        "Observation",
        "ResearchStudy",
        "ResearchSubject",
        "RiskAssessment",
    ] {
        assert!(found.keys().any(|(found, _)| found == kind), "no {kind}");
    }
    for resource in found.values() {
        let mut named = BTreeSet::new();
        references(resource, &mut named);
        let missing = named.iter().find(|named| !found.contains_key(*named));
        assert_eq!(missing, None, "{resource}");
    }
    // What is less common: a model that was retired, a triage that a clinician overrode, a claim that was decided.
    let of = |kind: &str, says: &dyn Fn(&Value) -> bool| {
        found.values().filter(|resource| resource["resourceType"] == *kind && says(resource)).count()
    };
    let text_of = |field: &'static str, says: &'static str| {
        move |resource: &Value| resource[field].to_string().contains(says)
    };
    for (kind, field, says, what) in [
        ("Device", "status", "inactive", "a retired model or a device that is no longer attested"),
        ("Provenance", "reason", "overridden", "a triage that was overridden"),
        ("Provenance", "reason", "accepted", "a triage that was accepted"),
        ("ClaimResponse", "outcome", "complete", "a decided claim"),
        ("ResearchStudy", "status", "completed", "a published trial"),
        ("ResearchSubject", "status", "withdrawn", "a subject that withdrew"),
    ] {
        assert!(of(kind, &text_of(field, says)) > 0, "no {what}");
    }
    let text = fs::read_to_string(directory.join("epcis/events.jsonld")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let events = document["epcisBody"]["eventList"].as_array().unwrap();
    for step in ["commissioning", "packing", "unpacking", "shipping", "receiving", "dispensing", "inspecting"]
    {
        assert!(events.iter().any(|event| event["bizStep"] == step), "no {step}");
    }
    for disposition in ["no_pedigree_match", "mismatch_instance"] {
        assert!(events.iter().any(|event| event["disposition"] == disposition), "no {disposition}");
    }
    let identities: BTreeSet<&str> = events.iter().map(|event| event["eventID"].as_str().unwrap()).collect();
    assert_eq!(identities.len(), events.len());
}

/// A trade in which lots are recalled and expire, cases go back and dispensings are reversed.
const TRADE: &str = "# Does what goes back leave events?
name: trade
seed: 5
duration: 45s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population: { patients: 60, hospitals: 1, pharmacies: 6, manufacturers: 2, wholesalers: 2, staff: 3 }
workloads:
  - drug_supply: { rate: 150/s, packs_per_case: 3, cases_per_pallet: 1, recalled: 20%, expiring: 20%, careless: 30%, returned: 20%, reversed: 20% }
expect:
  - safety
";

#[test]
fn what_goes_back_is_exported() {
    let directory = directory("export-trade");
    fs::write(directory.join("trade.yaml"), TRADE).unwrap();
    Build::Debug.run(&directory, &["run", "trade.yaml", "--out", "out"]).exits(0);
    Build::Debug.run(&directory, &["export", "out", "--epcis", "epcis"]).exits(0);
    let text = fs::read_to_string(directory.join("epcis/events.jsonld")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let events = document["epcisBody"]["eventList"].as_array().unwrap();
    let of = |step: &str, disposition: &str| -> Vec<&Value> {
        let is = |event: &&Value| event["bizStep"] == step && event["disposition"] == disposition;
        events.iter().filter(is).collect()
    };
    for (step, disposition, what) in [
        ("holding", "recalled", "a recall"),
        ("inspecting", "recalled", "a recalled pack that somebody tried to use"),
        ("inspecting", "expired", "an expired pack that somebody tried to use"),
        ("stocking", "sellable_accessible", "a dispensing that was reversed"),
        ("destroying", "destroyed", "something destroyed"),
    ] {
        assert!(!of(step, disposition).is_empty(), "no {what}");
    }
    // A recall is of a lot, not of packs that somebody would have to see.
    for recall in of("holding", "recalled") {
        let class = recall["quantityList"][0]["epcClass"].as_str().unwrap_or_else(|| panic!("{recall}"));
        assert!(class.contains("/10/"), "{class}");
    }
    // Nothing is reversed that was not dispensed before.
    let packs = |event: &Value| -> Vec<String> {
        event["epcList"].as_array().unwrap().iter().map(|epc| epc.as_str().unwrap().to_owned()).collect()
    };
    let dispensed: BTreeSet<String> = of("dispensing", "dispensed").into_iter().flat_map(packs).collect();
    for reversal in of("stocking", "sellable_accessible") {
        assert!(packs(reversal).iter().all(|pack| dispensed.contains(pack)), "{reversal}");
    }
}
