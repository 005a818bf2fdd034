//! What is written for people is true as far as a test can tell: commands parse, links lead somewhere, generated pages are
//! current, and the schema of scenarios means what the validator means.

use crate::amanah::{Build, directory};
use crate::support::root;
use serde_json::{Value, json};
use sim::plan::Plan;
use sim::scenario::Scenario;
use sim::{cli, schema};
use std::fs;
use std::path::{Path, PathBuf};

/// Set it to write generated files anew.
const REWRITE: &str = "AMANAH_REWRITE";

#[track_caller]
fn is_current(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os(REWRITE).is_some() {
        fs::write(&path, text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "{file} is not current: `{REWRITE}=1 cargo test -p tests generated` writes it anew"
    );
}

#[test]
fn generated_pages_are_current() {
    is_current("scenarios/scenario.schema.json", &schema::text());
    is_current("sim/docs/scenario-reference.md", &schema::page());
}

/// A scenario as a reader of YAML hands it to a validator of JSON.
fn value(text: &str) -> Option<Value> {
    serde_yaml::from_str(text).ok()
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft7::new(&schema::schema()).unwrap()
}

fn scenarios() -> Vec<PathBuf> {
    let folders =
        ["scenarios", "scenarios/regressions", "scenarios/sweeps"].map(|folder| root().join(folder));
    let files =
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml")).collect();
    files.sort();
    files
}

#[test]
fn every_scenario_satisfies_the_schema() {
    let validator = validator();
    let files = scenarios();
    assert!(files.len() > 25, "{}", files.len());
    for file in files {
        let value = value(&fs::read_to_string(&file).unwrap()).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
    }
}

const GOOD: &str = "\
name: good
duration: 60s
ledger: { replicas: 4 }
network: { topology: lan }
population: { patients: 10k, hospitals: 4 }
workloads:
  - personal_health_record: { rate: 400/s }
faults:
  - at: 20s
    crash: { replicas: [3], for: 15s }
expect: [safety]
";

/// Mistakes in spelling, in kind and in range: the schema refuses them as the validator does.
#[test]
fn the_schema_refuses_what_the_validator_refuses() {
    let validator = validator();
    let agreed = |text: &str| {
        let accepted =
            Scenario::parse("x.yaml", text).and_then(|scenario| Plan::from_scenario(&scenario)).is_ok();
        let value = value(text).unwrap_or_else(|| panic!("no YAML:\n{text}"));
        assert_eq!(validator.is_valid(&value), accepted, "{text}");
        accepted
    };
    assert!(agreed(GOOD));
    let good = [
        ("duration: 60s", "duration: 1.5min"),
        (
            "replicas: 4",
            "replicas: [{ region: lan }, { region: lan, stake: 2 }, { region: lan }, { region: lan }]",
        ),
        (
            "topology: lan",
            "topology: { regions: [a, b], matrix: [[1ms, 2ms..3ms], [1ms + 1ms, 1ms]] }, loss: 0.1%",
        ),
        ("topology: lan", "topology: lan, keep_alive: off"),
        ("{ rate: 400/s }", "{ rate: 1.2M/day, zipf: 0.8, mix: { register: 0.5, share: 50% } }"),
        ("crash: { replicas: [3], for: 15s }", "partition: { groups: [[0, 1], rest], for: 5s }"),
        (
            "- at: 20s\n    crash: { replicas: [3], for: 15s }",
            "- byzantine: { replicas: [3], behaviour: [silent, delay] }",
        ),
        ("expect: [safety]", "expect: [liveness, shares.refused_wrongly == 0, share.latency.p99<800ms]"),
        ("expect: [safety]", "arrivals: { burst: { every: 10s, on: 1s, factor: 5 } }"),
        ("expect: [safety]", "host: { profile: ideal, costs: { verify: 32us }, disk: { bandwidth: 1GB/s } }"),
        ("expect: [safety]", "gateway_host: { bandwidth: 10 Gbit/s }"),
    ];
    for (from, to) in good {
        assert!(GOOD.contains(from), "{from}");
        assert!(agreed(&GOOD.replacen(from, to, 1)), "{to}");
    }
    let bad = [
        ("name: good", "name: Good"),
        ("duration: 60s", "duration: 60"),
        ("duration: 60s", "duration: 60 seconds"),
        ("duration: 60s", "duration: { s: 60 }"),
        ("duration: 60s\n", ""),
        ("ledger: { replicas: 4 }", "ledger: 4"),
        ("ledger: { replicas: 4 }", "ledger: [4]"),
        ("ledger: { replicas: 4 }", "ledger: { replica: 4 }"),
        ("replicas: 4", "replicas: 0"),
        ("replicas: 4", "replicas: 401"),
        ("replicas: 4", "replicas: 4.5"),
        ("replicas: 4", "replicas: 4, tuning: { leader_timeout: 500 }"),
        ("replicas: 4", "replicas: 4, protocol: paxos"),
        ("topology: lan", "topology: gulf"),
        ("topology: lan", "topology: lan, loss: 60%x"),
        ("topology: lan", "topology: lan, transport: tcp"),
        ("hospitals: 4", "hospital: 4"),
        ("personal_health_record", "personal_records"),
        ("rate: 400/s", "rate: 400"),
        ("rate: 400/s", "rate: 400/week"),
        ("rate: 400/s", "rates: 400/s"),
        ("{ rate: 400/s }", "{}"),
        ("- personal_health_record: { rate: 400/s }", "personal_health_record: { rate: 400/s }"),
        ("crash: {", "crush: {"),
        ("replicas: [3]", "replicas: 3"),
        ("replicas: [3]", "replicas: [three]"),
        ("replicas: [3], ", ""),
        ("for: 15s", "for: forever"),
        ("for: 15s", "disk: burnt"),
        ("crash: { replicas: [3], for: 15s }", "bit_rot: { replicas: [3], for: 15s }"),
        (
            "- at: 20s\n    crash: { replicas: [3], for: 15s }",
            "- byzantine: { replicas: [3], behaviour: rude }",
        ),
        ("- at: 20s\n    crash: { replicas: [3], for: 15s }", "- at: 20s"),
        ("expect: [safety]", "expect: [safe]"),
        ("expect: [safety]", "expect: [share.latency.p99 =< 800ms]"),
        ("expect: [safety]", "arrivals: burst"),
        ("expect: [safety]", "arrivals: { burst: { every: 10s } }"),
        ("expect: [safety]", "host: { disk: { bandwidth: 1Gbit/s } }"),
        ("expect: [safety]", "documents: real"),
        ("expect: [safety]", "seeds: 2"),
    ];
    for (from, to) in bad {
        assert!(GOOD.contains(from), "{from}");
        assert!(!agreed(&GOOD.replacen(from, to, 1)), "accepted: {to}");
    }
}

/// Every page in the repository.
fn pages() -> Vec<PathBuf> {
    fn below(folder: &Path, pages: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir()
                && !name.starts_with('.')
                && !["target", "results", "node_modules"].contains(&name)
            {
                below(&path, pages);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    let mut pages = Vec::new();
    below(&root(), &mut pages);
    pages.sort();
    pages
}

/// The lines inside fenced blocks of shell, and the text outside of all blocks.
fn split(page: &str) -> (Vec<String>, String) {
    let (mut commands, mut prose) = (Vec::new(), String::new());
    let mut block: Option<&str> = None;
    let mut unfinished = String::new();
    for line in page.lines() {
        match (line.trim_start().strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language.trim()),
            (Some(_), Some(_)) => block = None,
            (None, Some("sh" | "bash" | "console")) => {
                unfinished.push_str(line.trim());
                if unfinished.ends_with('\\') {
                    unfinished.pop();
                } else {
                    commands.push(std::mem::take(&mut unfinished));
                }
            }
            (None, Some(_)) => {}
            (None, None) => {
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    (commands, prose)
}

/// The words after our program's name, if a line of shell starts it.
fn of_ours(line: &str) -> Option<Vec<String>> {
    let line = line.trim_start_matches("$ ");
    let start = [
        "cargo run --release -- ",
        "cargo run -- ",
        "amanah ",
        "target/release/amanah ",
        "target/debug/amanah ",
    ];
    let rest = start.iter().find_map(|start| line.strip_prefix(start))?;
    let mut words = vec!["amanah".to_owned()];
    let mut word = String::new();
    let (mut quoted, mut some) = (None, false);
    for c in rest.chars() {
        match (c, quoted) {
            ('\'' | '"', None) => (quoted, some) = (Some(c), true),
            (c, Some(open)) if c == open => quoted = None,
            ('#', None) if word.is_empty() && !some => break,
            ('|' | '>' | ';' | '&', None) => break,
            (' ', None) if some || !word.is_empty() => {
                words.push(std::mem::take(&mut word));
                some = false;
            }
            (' ', None) => {}
            (c, _) => word.push(c),
        }
    }
    if some || !word.is_empty() {
        words.push(word);
    }
    Some(words)
}

#[test]
fn every_command_in_the_documentation_is_one() {
    let mut seen = 0;
    for page in pages() {
        let (commands, _) = split(&fs::read_to_string(&page).unwrap());
        for line in commands {
            let Some(words) = of_ours(&line) else { continue };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if let Err(error) = cli::parse(&words) {
                panic!("{}: {line}\n{error}", page.display());
            }
            // Scenarios that it names are there.
            for word in words.iter().filter(|word| word.starts_with("scenarios/") && word.ends_with(".yaml"))
            {
                assert!(root().join(word).exists(), "{}: no {word}", page.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn links_and_paths_lead_somewhere() {
    let mut seen = 0;
    for page in pages() {
        let (_, prose) = split(&fs::read_to_string(&page).unwrap());
        let folder = page.parent().unwrap();
        for (at, _) in prose.match_indices("](") {
            let target = prose[at + 2..].split(')').next().unwrap();
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = if file.is_empty() { page.clone() } else { folder.join(file) };
            assert!(linked.exists(), "{}: {target}", page.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&linked).unwrap();
                assert!(headings(&text).iter().any(|known| known == anchor), "{}: {target}", page.display());
            }
            seen += 1;
        }
        // Files that prose names by their place in the repository.
        for word in prose.split('`').skip(1).step_by(2) {
            let word = word.trim_end_matches('/');
            let first = word.split('/').next().unwrap();
            let ours = ["ledger-core", "sim", "scenarios", "bench-results", "tests", ".ci"].contains(&first);
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
            if ours && word.contains('/') && word.chars().all(plain) {
                assert!(root().join(word).exists(), "{}: no `{word}`", page.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

/// As links name them.
fn headings(page: &str) -> Vec<String> {
    let heads =
        page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |head: &str| {
        let kept = head
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .collect::<String>();
        kept.replace(' ', "-")
    };
    heads.map(anchor).collect()
}

#[test]
fn shells_and_man_understand_what_they_are_given() {
    let folder = directory("documentation-shell");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = Build::Debug.run(&folder, &["completions", shell]).exits(0).stdout;
        for command in ["replay", "explain", "completions"] {
            assert!(text.contains(command), "{shell}: no {command}");
        }
        fs::write(folder.join(shell), text).unwrap();
    }
    let checked = std::process::Command::new("bash").arg("-n").arg(folder.join("bash")).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    Build::Debug.run(&folder, &["man", "--out", "man1"]).exits(0);
    let page = fs::read_to_string(folder.join("man1/amanah-run.1")).unwrap();
    for line in [".TH", ".SH SYNOPSIS", ".SH OPTIONS"] {
        assert!(page.lines().any(|found| found.starts_with(line)), "no {line}");
    }
    let commands = cli::command().get_subcommands().count();
    assert!(fs::read_dir(folder.join("man1")).unwrap().count() > commands);
}

#[test]
fn what_init_writes_is_checked_and_never_written_over() {
    let folder = directory("documentation-init");
    let run = |words: &[&str]| Build::Debug.run(&folder, words);
    let ended = run(&[
        "init",
        "trial",
        "--replicas",
        "5",
        "--faults",
        "crash,partition",
        "--rate",
        "20/s",
        "--duration",
        "3s",
        "--json",
    ]);
    let written: Value = serde_json::from_str(&ended.exits(0).stdout).unwrap();
    assert_eq!(written, json!({ "file": "trial.yaml", "schema": "scenario.schema.json" }));
    let text = fs::read_to_string(folder.join("trial.yaml")).unwrap();
    assert!(text.starts_with("# yaml-language-server: $schema=./scenario.schema.json\n"), "{text}");
    assert_eq!(fs::read_to_string(folder.join("scenario.schema.json")).unwrap(), schema::text());
    assert!(validator().is_valid(&value(&text).unwrap()));
    run(&["init", "trial"]).exits(2).says(&["trial.yaml is there already", "--force"]);
    assert_eq!(fs::read_to_string(folder.join("trial.yaml")).unwrap(), text);
    run(&["init", "No Name"]).exits(2).says(&["is not a name"]);
    let printed = run(&["init", "-o", "-", "--workload", "claims"]).exits(0).stdout;
    assert!(printed.contains("- claims:"), "{printed}");
    // One of them is run: with a crash and a partition, it holds what it expects.
    run(&["run", "trial.yaml", "--quiet"]).exits(0);
}

#[test]
fn explain_knows_keys_metrics_and_errors() {
    let folder = directory("documentation-explain");
    let run = |words: &[&str]| Build::Debug.run(&folder, &[&["explain"], words].concat());
    let said =
        run(&["faults.crash.disk", "share.latency.p99", "scenario.unknown_key", "10", "share.latency"])
            .exits(0);
    for phrase in ["torn", "lost", "verified hash", "cure", "safety violation", "share.latency.p50"] {
        assert!(said.stdout.contains(phrase), "no {phrase} in\n{}", said.stdout);
    }
    run(&["network.los"]).exits(2).says(&["did you mean `network.loss`?"]);
    run(&["disk"]).exits(2).says(&["faults.crash.disk"]);
    let json: Value = serde_json::from_str(&run(&["ledger.replicas", "--json"]).exits(0).stdout).unwrap();
    assert_eq!((&json[0]["kind"], &json[0]["required"]), (&json!("key"), &json!(true)));
}

#[test]
fn errors_have_codes_and_colour_is_as_asked() {
    let folder = directory("documentation-errors");
    let text =
        GOOD.replace("60s", "60").replace("crash", "crush").replace("ledger: { replicas: 4 }", "ledger: 4");
    fs::write(folder.join("bad.yaml"), text.replace("topology: lan", "topology: lam")).unwrap();
    let codes = |errors: &Value| -> Vec<String> {
        let rows = errors.as_array().unwrap().iter();
        rows.map(|row| row["code"].as_str().unwrap().trim_start_matches("scenario.").to_owned()).collect()
    };
    let expected = ["wrong_value", "wrong_type", "unknown_name", "unknown_key"];
    let ended = Build::Debug.run(&folder, &["check", "bad.yaml", "--json"]).exits(2);
    let checked: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(codes(&checked["files"][0]["errors"]), expected);
    let ended = Build::Debug.run(&folder, &["run", "bad.yaml", "--json"]).exits(2);
    let ran: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((codes(&ran["errors"]), &ran["exit_code"]), (expected.map(str::to_owned).to_vec(), &json!(2)));
    let coloured = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = Build::Debug.command(&folder);
        command.args(["check", "bad.yaml"]).args(words).envs(variables.iter().copied());
        String::from_utf8(command.output().unwrap().stderr).unwrap().contains('\x1b')
    };
    assert!(!coloured(&[], &[]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}
