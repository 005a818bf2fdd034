//! The history that a run leaves for others' checkers, given to one that shares nothing with this program: an implementation
//! of Wing and Gong's search, with Lowe's memory of what was tried ("Testing for linearizability", 2017).

use crate::amanah::directory;
use crate::seeded_bugs::REVOCATIONS;
use crate::support::{plan, run};
use ledger_core::ledger::LedgerBug;
use serde_json::Value;
use sim::world::{Options, SeededBug};
use std::collections::BTreeMap;
use std::fs;
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::register::RegisterOperation::{self, Read, Write};
use todc_utils::specifications::register::RegisterSpecification;

/// What happened to one register, by process.
type Actions = Vec<(usize, Action<RegisterOperation<u64>>)>;

/// Registers by name, of a run of the revocations with these mistakes in it.
fn registers(name: &str, bugs: Vec<SeededBug>) -> BTreeMap<String, Actions> {
    let directory = directory(name);
    let run = run(&plan(REVOCATIONS), &Options { bugs, ..Options::default() });
    sim::jepsen::write(&run, &directory).unwrap();
    let text = fs::read_to_string(directory.join("registers.json")).unwrap();
    let mut registers: BTreeMap<String, Actions> = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (process, value) = (line["process"].as_u64().unwrap() as usize, line["value"][1].as_u64());
        let deed = match line["f"].as_str().unwrap() {
            "write" => Write(value.unwrap()),
            _ => Read(value),
        };
        // A write of which nobody knows whether it was done ends after everything, which it may have been.
        let action = if line["type"] == "invoke" { Action::Call(deed) } else { Action::Response(deed) };
        let register = registers.entry(line["value"][0].as_str().unwrap().to_owned()).or_default();
        register.push((process, action));
    }
    registers
}

/// Names of the registers whose history no order explains.
fn unexplained(registers: BTreeMap<String, Actions>) -> Vec<String> {
    let is_linearizable = WGLChecker::<RegisterSpecification<u64>>::is_linearizable;
    let wrong =
        registers.into_iter().filter(|(_, actions)| !is_linearizable(History::from_actions(actions.clone())));
    wrong.map(|(name, _)| name).collect()
}

#[test]
fn another_checker_finds_an_order_for_every_register() {
    let registers = registers("histories-sound", Vec::new());
    let of = |wanted: fn(&Action<RegisterOperation<u64>>) -> bool| {
        registers.values().flatten().filter(|(_, action)| wanted(action)).count()
    };
    let reads = of(|action| matches!(action, Action::Response(Read(_))));
    let (given, ended) = (
        of(|it| matches!(it, Action::Response(Write(1)))),
        of(|it| matches!(it, Action::Response(Write(0)))),
    );
    assert!(reads > 300 && given > 50 && ended > 50, "{reads} reads, {given} given, {ended} ended");
    assert_eq!(unexplained(registers), Vec::<String>::new());
}

#[test]
fn another_checker_finds_none_where_withdrawn_consents_permit() {
    let bugs = vec![SeededBug::Ledger(LedgerBug::AcceptStaleConsent)];
    let wrong = unexplained(registers("histories-stale", bugs));
    assert!(!wrong.is_empty() && wrong.iter().all(|name| name.starts_with("consent-")), "{wrong:?}");
}
