//! The shape of the house: who may import whom. The table is the architecture; a new arrow is argued in the commit
//! that adds it.

use crate::support::root;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules of `ledger-core` and what they may use of each other.
const CORE: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("codec", &[]),
    ("crypto", &[]),
    ("committee", &["codec", "crypto"]),
    ("block", &["codec", "committee", "crypto", "time"]),
    ("protocol", &["block", "codec", "committee", "crypto", "time"]),
    ("ledger", &["codec", "crypto", "time"]),
    ("audit", &["codec", "committee", "crypto", "ledger", "time"]),
    ("seal", &["crypto"]),
    ("message", &["audit", "block", "codec", "crypto", "ledger", "protocol"]),
    // Work and seam name what both machines exchange with their driver; the machines know each other only there.
    ("work", &["audit", "block", "codec", "committee", "crypto", "gateway", "ledger", "replica"]),
    (
        "seam",
        &[
            "audit",
            "block",
            "committee",
            "crypto",
            "gateway",
            "ledger",
            "message",
            "protocol",
            "replica",
            "time",
            "work",
        ],
    ),
    (
        "replica",
        &[
            "audit",
            "block",
            "codec",
            "committee",
            "crypto",
            "ledger",
            "message",
            "protocol",
            "seam",
            "time",
            "work",
        ],
    ),
    (
        "gateway",
        &["audit", "codec", "committee", "crypto", "ledger", "message", "seal", "seam", "time", "work"],
    ),
    // The transport carries bytes between peers: from messages it takes their greatest length alone.
    ("quic", &["committee", "crypto", "message", "seam", "time"]),
    // The driver sees machines, never what they are made of.
    (
        "live",
        &[
            "audit",
            "codec",
            "committee",
            "crypto",
            "gateway",
            "ledger",
            "message",
            "quic",
            "replica",
            // What a vault elsewhere keeps is sealed before it leaves.
            "seal",
            "seam",
            "time",
            "work",
        ],
    ),
];

/// Modules of `sim` that a module may never use.
const SIM_NEVER: &[(&str, &[&str])] = &[
    ("check", &["world", "testbed", "workload", "scenario", "cli"]),
    ("metrics", &["world", "testbed", "workload", "scenario", "cli"]),
    ("report", &["world", "testbed", "workload", "scenario", "cli"]),
    ("world", &["scenario", "check", "report", "metrics", "cli", "testbed", "daemon", "deploy", "export"]),
    // The testbed is the other world: it yields a run and knows nothing of what becomes of it.
    ("testbed", &["scenario", "check", "report", "metrics", "cli", "world"]),
    // What is deployed has nothing of the simulator but names and numbers.
    (
        "daemon",
        &["world", "check", "report", "metrics", "cli", "testbed", "workload", "population", "history"],
    ),
    // Configuration files are read by the reader of scenarios.
    ("deploy", &["world", "check", "report", "metrics", "cli", "testbed", "daemon", "workload", "history"]),
    // Documents are what everybody builds and reads: they know codes and streams, and nobody's purpose.
    (
        "document",
        &[
            "world", "testbed", "workload", "scenario", "check", "report", "cli", "metrics", "history",
            "export", "plan",
        ],
    ),
    // An export is a witness: it sees what is asked and answered, and nothing of how.
    ("export", &["testbed", "scenario", "check", "report", "cli", "metrics", "history", "daemon", "deploy"]),
    // A replay plays a plan again and puts into words what it saw.
    ("replay", &["testbed", "scenario", "workload", "daemon", "deploy", "check", "metrics", "cli"]),
    // What clients saw, for others to judge: neither how it came about, nor what our checkers say.
    ("jepsen", &["world", "testbed", "workload", "scenario", "check", "report", "cli", "metrics", "export"]),
    ("recorder", &["world", "testbed", "workload", "check", "report", "cli", "metrics"]),
    ("workload", &["world", "testbed", "scenario", "check", "report", "cli"]),
    // Physiology and scores know numbers and named randomness alone.
    (
        "triage",
        &[
            "world",
            "testbed",
            "workload",
            "scenario",
            "plan",
            "population",
            "history",
            "check",
            "metrics",
            "report",
            "cli",
        ],
    ),
    // An exploration drives protocols alone.
    (
        "twins",
        &[
            "world",
            "testbed",
            "plan",
            "scenario",
            "population",
            "workload",
            "history",
            "check",
            "report",
            "cli",
        ],
    ),
    // A hunt plays plans as a user does, in the simulated world alone.
    ("hunt", &["testbed", "daemon", "deploy", "population", "workload", "cli"]),
    // A sweep plays plans as a user does, in the simulated world alone; of configuration files it knows what a bucket is.
    ("sweep", &["testbed", "daemon", "population", "workload", "cli"]),
    ("history", &["world", "testbed", "workload", "check", "report", "cli"]),
    ("network", &["world", "scenario", "cli"]),
    ("event_queue", &["world", "plan", "scenario", "cli"]),
    ("scenario", &["world", "cli", "check", "report"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// What each top-level module of a crate uses of the others, outside its tests.
fn imports(krate: &str) -> BTreeMap<String, BTreeSet<String>> {
    let source = root().join(krate).join("src");
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&source) {
        let inside = file.strip_prefix(&source).unwrap();
        let module = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_string();
        if inside.iter().any(|part| part == "tests" || part == "tests.rs" || part == "fake.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for (at, _) in line.match_indices("crate::") {
                let name: String =
                    line[at + 7..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                if !name.is_empty() && name != module {
                    used.entry(module.clone()).or_default().insert(name);
                }
            }
        }
    }
    used
}

#[test]
fn the_core_imports_as_its_table_says() {
    let allowed: BTreeMap<&str, &[&str]> = CORE.iter().copied().collect();
    let used = imports("ledger-core");
    for (module, uses) in used {
        if module == "lib" {
            continue;
        }
        let row =
            allowed.get(module.as_str()).unwrap_or_else(|| panic!("`{module}` has no row in the table"));
        for other in uses {
            assert!(row.contains(&other.as_str()), "`{module}` uses `{other}`: not in the table");
        }
    }
}

#[test]
fn nothing_flows_back_in_the_simulator() {
    let used = imports("sim");
    for (module, never) in SIM_NEVER {
        let Some(uses) = used.get(*module) else { continue };
        for other in *never {
            assert!(!uses.contains(*other), "`{module}` uses `{other}`");
        }
    }
}

#[test]
fn files_stay_readable() {
    const LINES_MAX: usize = 700;
    for krate in ["ledger-core", "sim"] {
        for file in sources(&root().join(krate).join("src")) {
            let name = file.to_string_lossy().into_owned();
            let lines = std::fs::read_to_string(&file).unwrap().lines().count();
            assert!(
                lines <= LINES_MAX || name.contains("tests"),
                "{name} has {lines} lines: find the missing noun"
            );
        }
    }
}

#[test]
fn the_top_level_is_what_the_owner_fixed() {
    let expected =
        ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "bench-results", "clippy.toml", "deny.toml"];
    let expected: BTreeSet<&str> =
        expected.into_iter().chain(["ledger-core", "rustfmt.toml", "scenarios", "sim", "tests"]).collect();
    let output = std::process::Command::new("git").arg("ls-files").current_dir(root()).output();
    let Ok(output) = output.map(|output| output.stdout) else { return };
    let listed = String::from_utf8(output).unwrap();
    let found: BTreeSet<&str> = listed
        .lines()
        .map(|line| line.split('/').next().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert_eq!(found, expected);
}
