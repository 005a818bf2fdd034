//! `report.html`: one run, from its result alone. What is on the page is in `result.json`, `series.csv` and the histograms
//! beside it; what they do not have is left out, and the page says why.

mod charts;
mod phases;
mod tables;
mod topology;

use super::{Page, Tone};
use crate::history::Setting;
use crate::report::units;
use crate::result::{Beside, ResultFile, Series, StatusName};
use ledger_core::time::{Duration, nanos};

/// Most bytes of a plan that are shown; a population of thousands has a row for each institution.
const PLAN_BYTES_MAX: usize = 60_000;

/// A chart that a replay has drawn: what it shows, and its SVG.
pub type Sequence<'a> = Option<(&'a str, &'a str)>;

/// The page.
pub fn run(result: &ResultFile, beside: &Beside, sequence: Sequence<'_>) -> String {
    let series = Series::parse(&beside.series);
    let mut page = Page::new(&format!("{}, seed {}", result.plan.name, result.seed));
    head(&mut page, result);
    page.section("Over time");
    over_time(&mut page, result, &series);
    page.section("Latency");
    charts::distribution(&mut page, &beside.histograms);
    page.table(&tables::latency(result));
    phases::write(&mut page, result);
    page.section("What was done");
    page.table(&tables::throughput(result)).table(&tables::shares(result));
    page.table(&tables::systems(result)).table(&tables::wrongs(result)).table(&tables::hostile(result));
    page.section("Verdicts");
    page.table(&tables::checkers(result)).table(&tables::expectations(result));
    page.section("Replicas and regions");
    places(&mut page, result);
    page.section("Slowest share");
    slowest(&mut page, result, sequence);
    page.section("Memory");
    charts::memory(&mut page, result, &series);
    page.section("Everything measured");
    page.table(&tables::everything(result));
    page.section("Repeat it");
    repeat(&mut page, result);
    page.finish()
}

/// The answer in a word, its tone, and why.
pub(in crate::report) fn answer(result: &ResultFile) -> (Tone, &'static str, String) {
    let count = |status| result.verdicts.iter().filter(|row| row.status == status).count();
    let [passed, failed, undecided] =
        [StatusName::Passed, StatusName::Failed, StatusName::Undecided].map(count);
    let held = result.expectations.iter().filter(|row| row.held).count();
    let missed = result.expectations.len() - held;
    let (tone, word) = match () {
        () if failed > 0 => (Tone::Bad, "FAILED"),
        () if undecided > 0 => (Tone::Doubtful, "UNDECIDED"),
        () if result.invalid.is_some() => (Tone::Doubtful, "INVALID"),
        () if missed > 0 => (Tone::Bad, "FAILED"),
        () => (Tone::Good, "PASSED"),
    };
    let some = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let mut why = vec![format!("{} passed", some(passed, "checker"))];
    if failed > 0 {
        why.push(format!("{failed} failed"));
    }
    if undecided > 0 {
        why.push(format!("{undecided} undecided"));
    }
    why.push(match result.expectations.len() {
        0 => "nothing expected".to_owned(),
        all => format!("{held} of {} held", some(all, "expectation")),
    });
    if result.verdicts.iter().any(|row| row.checker == "assumption" && row.status == StatusName::Expected) {
        why.insert(0, "assumption exceeded".to_owned());
    }
    (tone, word, why.join(", "))
}

fn head(page: &mut Page, result: &ResultFile) {
    let plan = &result.plan;
    page.lead(if plan.question.is_empty() { &plan.name } else { &plan.question });
    let (tone, word, why) = answer(result);
    page.verdict(tone, word, &why);
    if let Some(why) = &result.invalid {
        page.verdict(Tone::Doubtful, "The measurement is invalid", why);
    }
    if result.partial {
        let at = units::span(result.end.0);
        page.verdict(
            Tone::Doubtful,
            "PARTIAL",
            &format!("interrupted at {at}: figures stop there, and expectations are of the whole run"),
        );
    }
    let figure = |name: &str| tables::figure(result, name);
    let mut tiles = Vec::new();
    let mut tile = |name, value: Option<String>, remark: String| {
        tiles.extend(value.map(|value| (name, value, remark)));
    };
    let offered = figure("generator.offered.rate").map_or(String::new(), |rate| format!("{rate} offered"));
    tile("transactions", figure("transactions.committed.rate"), offered);
    let p99 = |family: &str| {
        figure(&format!("{family}.p99")).map_or(String::new(), |p99| format!("p50; p99 {p99}"))
    };
    tile("transaction", figure("transactions.latency.p50"), p99("transactions.latency"));
    tile("share", figure("share.latency.p50"), p99("share.latency"));
    tile("longest standstill", figure("unavailability.longest"), "without a commit".to_owned());
    tile("recovery", figure("recovery.time"), "longest, to 95 % of the rate before".to_owned());
    let replicas = format!("{} institutions", units::count(plan.population.institutions.len() as u64));
    tile("replicas", Some(plan.replicas.len().to_string()), replicas);
    let tiles: Vec<(&str, &str, &str)> =
        tiles.iter().map(|(name, value, remark)| (*name, value.as_str(), remark.as_str())).collect();
    page.tiles(&tiles);
}

fn over_time(page: &mut Page, result: &ResultFile, series: &Series) {
    if series.is_empty() {
        page.note("No series.csv stands beside this result, so there is nothing to draw over time.");
    }
    charts::over_time(page, result, series);
    let faults = tables::faults(result);
    if faults.is_empty() {
        page.note("The plan has no faults.");
    }
    page.table(&faults);
    if !result.plan.faults.is_empty() && result.faults.is_empty() {
        page.note("When its faults struck is not in this result.");
    }
}

fn places(page: &mut Page, result: &ResultFile) {
    if result.replicas.is_empty() {
        page.note("This result has no rows of replicas: it is from an earlier version of the program.");
    }
    page.table(&tables::replicas(result));
    page.table(&tables::regions(result));
    match result.links.is_empty() {
        false => {
            page.picture("What regions sent to each other", &topology::svg(result));
            page.table(&tables::links(result));
        }
        true if result.world.is_live() => {
            page.note("Live, nobody counts what each link carries: the map of links is left out.");
        }
        true => {
            page.note("What links carried is not in this result: the map is left out.");
        }
    }
    page.table(&tables::lanes(result));
}

fn slowest(page: &mut Page, result: &ResultFile, sequence: Sequence<'_>) {
    if let Some((caption, svg)) = sequence {
        page.image(caption, svg);
        return;
    }
    let Some(share) = result.notable.iter().find(|row| row.what == "slowest share") else {
        page.note(match result.world.is_live() {
            true => "A live run cannot be played again, so nothing can be drawn of its slowest share.",
            false => "No share was completed.",
        });
        return;
    };
    let took = units::time(share.took_ns);
    page.text(&format!(
        "The slowest share took {took}. Its messages, jobs and syncs are not kept: a replay draws them and says why."
    ));
    let (replay, operation) = (&result.replay, share.operation);
    page.command(&format!("{replay} --explain operation:{operation} --chart slowest-share.svg"));
    if let Some(path) = replay.strip_prefix("amanah replay ") {
        page.text("Or have it drawn into this page:").command(&format!("amanah report {path} --sequence"));
    }
}

fn repeat(page: &mut Page, result: &ResultFile) {
    page.command(&result.replay);
    page.note(&match result.world {
        Setting::Simulated => {
            format!("Same plan, same program, same bits: the digest is {}.", result.digest)
        }
        Setting::LiveLoopback | Setting::LiveNamespaces | Setting::LiveNetem => {
            "It ran on the wall clock: the same plan runs again, and no run repeats it to the bit.".to_owned()
        }
    });
    let here = &result.environment;
    let cores = here.cores;
    page.note(&format!(
        "Run by amanah {} ({}) on {} {}, {cores} cores; {} of {} time.",
        result.program_version,
        here.profile,
        here.os,
        here.arch,
        units::span(result.end.0),
        if result.world.is_live() { "wall-clock" } else { "virtual" }
    ));
    match serde_yaml::to_string(&result.plan) {
        Ok(plan) if plan.len() <= PLAN_BYTES_MAX => {
            page.folded("The whole plan, every default filled in", &plan);
        }
        Ok(plan) => {
            let end = plan[..plan.floor_char_boundary(PLAN_BYTES_MAX)].rfind('\n').unwrap_or(0);
            let left_out = plan.len() - end;
            page.folded(
                "The plan, every default filled in (its beginning)",
                &format!(
                    "{}\n# {left_out} more bytes are left out here: `plan` of result.json has them",
                    &plan[..end]
                ),
            );
        }
        Err(error) => {
            page.note(&format!("The plan cannot be written as YAML: {error}"));
        }
    }
}

/// Seconds of a run's faults, from the start of its measurement, as faults are written.
pub(in crate::report) fn marks(result: &ResultFile) -> Vec<(f64, Option<f64>, String)> {
    let seconds = |ns: u64| (ns as f64 - nanos(result.plan.warmup) as f64) / 1e9;
    let mark = |row: &crate::result::FaultRow| {
        let what = result.plan.faults.get(row.fault);
        let what = what.map_or(String::new(), |fault| crate::report::sections::describe(&fault.kind));
        let end = nanos(result.end.0).max(row.at_ns);
        (seconds(row.at_ns), Some(seconds(row.healed_ns.unwrap_or(end))), what)
    };
    result.faults.iter().map(mark).collect()
}

/// Time from the start of the measurement, as a table shows it.
fn from_measurement(result: &ResultFile, ns: u64) -> String {
    match ns.checked_sub(nanos(result.plan.warmup)) {
        Some(ns) => units::time(ns),
        None => format!("-{}", units::span(result.plan.warmup - Duration::from_nanos(ns))),
    }
}

#[cfg(test)]
mod tests;
