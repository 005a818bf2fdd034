//! `amanah explain`: what a key of a scenario, a metric, a checker's verdict or an error is about.

use super::exit::{CODES, Exit};
use super::put;
use crate::diagnostic::{Kind, nearest, quote};
use crate::keys::{self, Form, Key, Need, Placed};
use crate::metrics::catalog::{self, Metric, MetricUnit};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io;

/// Arguments of `explain`.
#[derive(Args)]
pub struct Explain {
    /// A key (`network.loss`, `faults.crash.disk`), a metric (`share.latency.p99`), the code of an error
    /// (`scenario.unknown_key`) or an exit code (`10`).
    #[arg(required = true, value_name = "KEY|METRIC|ERROR")]
    names: Vec<String>,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// Explains each name.
pub fn explain(arguments: &Explain) -> io::Result<Exit> {
    let mut texts = Vec::new();
    let mut rows = Vec::new();
    let mut exit = Exit::Success;
    for name in &arguments.names {
        match find(name) {
            Some((text, row)) => {
                texts.push(text);
                rows.push(row);
            }
            None => {
                eprintln!("error: nothing is called {}", quote(name));
                for help in near(name) {
                    eprintln!("  = {help}");
                }
                exit = Exit::Invalid;
            }
        }
    }
    let text = if arguments.json { format!("{:#}\n", Value::Array(rows)) } else { texts.join("\n") };
    put(&text).map(|()| exit)
}

/// Text for people, and a row for programs.
fn find(name: &str) -> Option<(String, Value)> {
    let path = keys::plain(name);
    if let Some(placed) = keys::all().into_iter().find(|placed| keys::plain(&placed.path) == path) {
        return Some(of_key(&placed));
    }
    if let Some(metric) = catalog::lookup(name) {
        return Some(of_metric(metric));
    }
    if let Some((_, code, meaning, cure)) = Kind::ALL.iter().find(|(_, code, ..)| *code == name) {
        let text = format!("{code}: an error in a scenario\n  {meaning}\n  cure       {cure}\n");
        return Some((text, json!({ "kind": "error", "name": code, "meaning": meaning, "cure": cure })));
    }
    let number = name.trim_start_matches("exit").trim_start_matches(['.', ' ', ':', '=']);
    if let Some((code, title, meaning)) = CODES.iter().find(|(code, ..)| code.to_string() == number) {
        let text = format!("exit code {code}: {title}\n  {meaning}\n");
        return Some((
            text,
            json!({ "kind": "exit_code", "name": code, "title": title, "meaning": meaning }),
        ));
    }
    family(name)
}

fn of_key(placed: &Placed) -> (String, Value) {
    let Key { name, form, need, example, meaning } = placed.key;
    let mut text = format!("{}: a key of a scenario\n  {meaning}\n", placed.path);
    let mut row = |what: &str, said: &str| {
        let _ = writeln!(text, "  {what:10} {said}");
    };
    row("value", &form.words());
    for leaf in form.leaves() {
        match leaf {
            Form::Choice(names) => {
                names.iter().for_each(|(name, meaning)| row("", &format!("{name}: {meaning}")))
            }
            Form::Quantity(kind, _) => row("unit", kind.expected()),
            Form::Map(_)
            | Form::Single(_)
            | Form::Text(_)
            | Form::List(_)
            | Form::Either(_)
            | Form::Paths => {}
        }
    }
    let default = match need {
        Need::Default(value) => Some(*value),
        Need::Required | Need::Optional | Need::OneOf => None,
    };
    match need {
        Need::Required => row("without it", "refused: it is required"),
        Need::Default(value) => row("without it", &format!("as if {value} were written")),
        Need::Optional => row("without it", "there is none"),
        Need::OneOf => row("without it", "one of its neighbours must be there"),
    }
    row("example", &format!("{name}: {example}"));
    if let Some(above) = placed.above.last() {
        row("belongs to", &format!("{}: {}", above.name, above.example));
    }
    let below: Vec<&str> = form.children().iter().map(|(_, key)| key.name).collect();
    if !below.is_empty() {
        row("keys", &below.join(", "));
    }
    let json = json!({
        "kind": "key",
        "name": placed.path,
        "meaning": meaning,
        "value": form.words(),
        "required": matches!(need, Need::Required),
        "default": default,
        "example": example,
        "keys": below,
    });
    (text, json)
}

fn of_metric(metric: &Metric) -> (String, Value) {
    let Metric { name, unit, meaning, deterministic, better } = metric;
    let example = match unit {
        MetricUnit::Nanoseconds => "< 800ms",
        MetricUnit::Bytes => "< 64MiB",
        MetricUnit::PerSecond => "> 500/s",
        MetricUnit::Count => "== 0",
        MetricUnit::Ratio => "< 80%",
    };
    let repeats = match deterministic {
        true => "in a simulated run the same for the same scenario and seed",
        false => "of this machine's wall clock: outside the digest, never twice the same",
    };
    let text = format!(
        "{name}: a metric\n  {meaning}\n  unit       {}\n  better     {}\n  repeats    {repeats}\n  example    expect: [{name} {example}]\n  \
         found in   `metrics` of result.json\n",
        unit.symbol(),
        better.name()
    );
    let json = json!({
        "kind": "metric",
        "name": name,
        "meaning": meaning,
        "unit": unit.symbol(),
        "better": better.name(),
        "deterministic": deterministic,
        "example": format!("{name} {example}"),
    });
    (text, json)
}

/// The beginning of several metrics.
fn family(name: &str) -> Option<(String, Value)> {
    let prefix = format!("{name}.");
    let members: Vec<&Metric> =
        catalog::all().iter().filter(|metric| metric.name.starts_with(&prefix)).collect();
    if members.is_empty() {
        return None;
    }
    let mut text = format!("{name}: {} metrics\n", members.len());
    for metric in &members {
        let _ = writeln!(text, "  {:36} {:6} {}", metric.name, metric.unit.symbol(), metric.meaning);
    }
    let names: Vec<&str> = members.iter().map(|metric| metric.name.as_str()).collect();
    Some((text, json!({ "kind": "metrics", "name": name, "metrics": names })))
}

/// What may have been meant.
fn near(name: &str) -> Vec<String> {
    let placed = keys::all();
    let paths: Vec<String> = placed.iter().map(|placed| keys::plain(&placed.path)).collect();
    // The last word alone is enough, if it is the only one or nearly so.
    let same: Vec<&str> = paths
        .iter()
        .filter(|path| path.rsplit('.').next() == Some(name))
        .map(String::as_str)
        .take(6)
        .collect();
    if !same.is_empty() {
        return vec![format!("did you mean {}?", crate::diagnostic::one_of(same))];
    }
    let metrics = catalog::all().iter().map(|metric| metric.name.as_str());
    let codes = Kind::ALL.iter().map(|(_, code, ..)| *code);
    match nearest(name, paths.iter().map(String::as_str).chain(metrics).chain(codes)) {
        Some(near) => vec![format!("did you mean `{near}`?")],
        None => vec![
            "`amanah schema --markdown` lists every key, `amanah metrics` every metric".to_owned(),
            format!("codes of errors: {}", Kind::ALL.map(|(_, code, ..)| code).join(", ")),
        ],
    }
}
