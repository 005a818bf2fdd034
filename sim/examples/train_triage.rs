//! Trains the triage model from its documented data and prints `sim/src/triage/weights.rs`; on standard error, how well
//! it tells the deteriorated from the others on data that it has not seen, beside NEWS2 alone.
//!
//! `cargo run --release -p sim --example train_triage > sim/src/triage/weights.rs`

use ledger_core::crypto::Digest;
use ledger_core::ledger::transaction::NEWS2_URGENT;
use sim::triage::train::{Example, auroc, data_hash, examples, train};

fn main() {
    let data = examples("training");
    let model = train(&data);
    println!("//! Made by `cargo run --release -p sim --example train_triage`; a test makes it again.\n");
    println!("use super::model::{{Feature, Stump}};\nuse ledger_core::crypto::Digest;\n");
    print_hash("/// Of the training data.", "TRAINING_DATA", data_hash(&data));
    print_hash("/// Of the model.\n#[cfg(test)]", "MODEL", model.hash());
    println!("pub const BASE: i32 = {};", model.base);
    println!("pub const THRESHOLD_MILLI: u16 = {};", model.threshold_milli);
    println!("pub const STUMPS: [Stump; {}] = [", model.stumps.len());
    for stump in &model.stumps {
        let (feature, at_most, low, high) = (stump.feature, stump.at_most, stump.low, stump.high);
        println!(
            "    Stump {{ feature: Feature::{feature:?}, at_most: {at_most}, low: {low}, high: {high} }},"
        );
    }
    println!("];");

    let test = examples("test");
    let score = |one: &Example| model.score(&one.features);
    let by_model = auroc(test.iter().map(|one| (score(one), one.severe)));
    let by_news2 = auroc(test.iter().map(|one| (u16::from(one.news2), one.severe)));
    eprintln!("examples that were not trained on: {}", test.len());
    eprintln!("AUROC, millionths: model {by_model}, NEWS2 {by_news2}");
    let share = |severe: bool, alarms: &dyn Fn(&Example) -> bool| {
        let of: Vec<&Example> = test.iter().filter(|one| one.severe == severe).collect();
        let raised = of.iter().filter(|one| alarms(one)).count();
        format!("{raised} of {}", of.len())
    };
    let by_news2 = |one: &Example| one.news2 >= NEWS2_URGENT;
    let by_model = |one: &Example| score(one) >= model.threshold_milli;
    for (name, alarms) in [("NEWS2 >= 5", &by_news2 as &dyn Fn(&Example) -> bool), ("model", &by_model)] {
        eprintln!("{name}: alarms at {} deteriorated, {} others", share(true, alarms), share(false, alarms));
    }
}

fn print_hash(above: &str, name: &str, Digest(bytes): Digest) {
    println!("{above}\npub const {name}: Digest = Digest([");
    for row in bytes.chunks(16) {
        let row: Vec<String> = row.iter().map(|byte| format!("{byte:#04x}")).collect();
        println!("    {},", row.join(", "));
    }
    println!("]);");
}
