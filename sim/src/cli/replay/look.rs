//! What a replay was asked to show: states, a trace, an explanation, a chart.

use super::Replay;
use crate::history::{Control, Progress, Run};
use crate::plan::Plan;
use crate::replay::chart::Chart;
use crate::replay::chronicle::Chronicle;
use crate::replay::explain::{Explanation, Inquest, Unknown};
use crate::replay::state;
use crate::replay::subject::Subject;
use crate::replay::trace::{EVENTS_MAX, Trace, Written};
use crate::report::sequence::{DRAWN_MAX, Sequence};
use crate::report::units;
use crate::result;
use crate::world::{self, Observer, Options, Scene};
use ledger_core::committee::{Committee, ReplicaId};
use ledger_core::seam::{GatewayId, Peer};
use ledger_core::time::{Duration, Timestamp};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How long after the end of what is explained a chart still shows what follows.
const AFTER: Duration = Duration::from_millis(1);

/// What was seen.
#[derive(Default)]
pub(super) struct Look {
    /// Whether the run went on.
    pub stopped: bool,
    /// What was to be explained is not there.
    pub unknown: Option<Unknown>,
    /// Sections of text.
    sections: Vec<String>,
    /// Fields of the JSON document.
    fields: Vec<(&'static str, Value)>,
    /// Files written.
    files: String,
}

impl Look {
    /// For people, ending in an empty line if there is any.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let files = (!self.files.is_empty()).then_some(&self.files);
        for section in self.sections.iter().chain(files) {
            let _ = writeln!(text, "{}\n", section.trim_end());
        }
        text
    }

    /// For programs.
    pub fn add_to(&self, document: &mut Value) {
        for (name, value) in &self.fields {
            document[*name] = value.clone();
        }
    }

    fn file(&mut self, name: &'static str, file: &Path, what: &str) {
        let _ = writeln!(self.files, "{name:8} {}: {what}", file.display());
    }
}

type Watch<'a> = &'a mut dyn FnMut(&Progress) -> Control;

/// Plays a plan as far as is asked, and looks.
pub(super) fn play(arguments: &Replay, plan: &Plan, watch: Watch<'_>) -> Result<(Run, Look), String> {
    let looks = arguments.until.is_some()
        || arguments.dump.is_some()
        || arguments.trace.is_some()
        || arguments.explain.is_some()
        || !(arguments.replica.is_empty() && arguments.gateway.is_empty());
    if !looks {
        let run = world::run(plan, watch).map_err(|error| error.to_string())?;
        return Ok((run, Look::default()));
    }
    if let Some(directory) = &arguments.dump {
        result::prepare(directory).map_err(|error| error.to_string())?;
    }
    let until = arguments.until.map(Timestamp::after_genesis);
    let mut observers: Vec<Box<dyn Observer>> = Vec::new();
    let chronicle = arguments.explain.is_some().then(|| {
        let viewpoint = arguments.replica.first().map(|replica| ReplicaId(*replica));
        Rc::new(RefCell::new(Chronicle::new(viewpoint)))
    });
    if let Some(chronicle) = &chronicle {
        observers.push(Box::new(chronicle.clone()));
    }
    let trace = arguments.trace.as_ref().map(|file| open(arguments, file)).transpose()?;
    if let Some((trace, _)) = &trace {
        observers.push(Box::new(trace.clone()));
    }
    let options = Options::default();
    let (run, scene) =
        world::run_observed(plan, &options, (observers, until), watch).map_err(|error| error.to_string())?;
    let mut look = Look { stopped: scene.stopped, ..Look::default() };
    if run.partial {
        if let Some((_, beside)) = &trace {
            let _ = fs::remove_file(beside);
        }
        return Ok((run, look));
    }
    states(arguments, (plan, &run.committee), &scene, &mut look)?;
    if let (Some(subject), Some(chronicle)) = (&arguments.explain, &chronicle) {
        let chronicle = chronicle.borrow();
        match (Inquest { chronicle: &chronicle, run: &run, scene: &scene }).explain(subject) {
            Ok(explanation) => {
                look.sections.push(explanation.text());
                look.fields.push(("explanation", explanation.json()));
                if let Some(file) = &arguments.chart {
                    chart(plan, &explanation, file, watch, &mut look)?;
                }
            }
            Err(unknown) => look.unknown = Some(unknown),
        }
    }
    if let (Some((trace, beside)), Some(file)) = (trace, &arguments.trace) {
        let written = trace.borrow_mut().finish();
        let written = written.and_then(|written| fs::rename(&beside, file).map(|()| written));
        let written = written.map_err(|error| format!("{}: cannot be written: {error}", file.display()))?;
        traced(file, &written, &mut look);
    }
    Ok((run, look))
}

/// A trace is written beside its place first.
fn open(arguments: &Replay, file: &Path) -> Result<(Rc<RefCell<Trace>>, PathBuf), String> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let open =
        File::create(&beside).map_err(|error| format!("{}: cannot be written: {error}", file.display()))?;
    let from = Timestamp::after_genesis(arguments.from.unwrap_or_default());
    let until = arguments.until.map_or(Timestamp::MAX, Timestamp::after_genesis);
    Ok((Rc::new(RefCell::new(Trace::new(Box::new(BufWriter::new(open)), (from, until)))), beside))
}

fn traced(file: &Path, written: &Written, look: &mut Look) {
    let cut = written.cut_at.map_or(String::new(), |at| {
        format!(
            "; it ends at {at}, with {} events, the most that a trace has: choose a part with --from and --until",
            units::count(EVENTS_MAX)
        )
    });
    let (events, flows) = (units::count(written.events), units::count(written.flows));
    let messages = units::count(written.messages);
    look.file(
        "trace",
        file,
        &format!("{events} events, {messages} messages, {flows} transactions as flows{cut}"),
    );
    look.fields.push((
        "trace",
        json!({
            "file": file.to_string_lossy(),
            "events": written.events,
            "messages": written.messages,
            "flows": written.flows,
            "cut_at_ns": written.cut_at.map(|at| at.0),
        }),
    ));
}

/// Tables of what was asked for, and the files of a dump.
fn states(
    arguments: &Replay,
    (plan, committee): (&Plan, &Committee),
    scene: &Scene,
    look: &mut Look,
) -> Result<(), String> {
    let chosen = |peer: Peer| match peer {
        Peer::Replica(ReplicaId(number)) => arguments.replica.contains(&number),
        Peer::Gateway(GatewayId(number)) => arguments.gateway.contains(&number),
        Peer::Local => false,
    };
    let any = scene.hosts.iter().any(|host| chosen(host.peer));
    let explains_alone = arguments.explain.is_some() && arguments.until.is_none();
    if arguments.until.is_some() || arguments.dump.is_some() {
        look.sections.push(state::table(scene, plan));
    }
    for host in scene.hosts.iter().filter(|host| chosen(host.peer) && !explains_alone) {
        look.sections.push(state::host(host, plan, committee));
    }
    if arguments.until.is_some() || arguments.dump.is_some() || (any && !explains_alone) {
        let hosts = scene.hosts.iter().filter(|host| !any || chosen(host.peer)).map(state::json);
        let hosts: Vec<Value> = hosts.collect();
        look.fields.push(("state", json!({ "at_ns": scene.at.0, "faults": scene.faults, "hosts": hosts })));
    }
    let Some(directory) = &arguments.dump else { return Ok(()) };
    let write = |name: &str, text: &str| {
        result::write_text(&directory.join(name), text).map_err(|error| error.to_string())
    };
    for host in &scene.hosts {
        let mut document = state::json(host);
        document["at_ns"] = json!(scene.at.0);
        let name = format!("{}.json", state::name(host.peer).replace(' ', "-"));
        write(&name, &format!("{document:#}\n"))?;
    }
    write("state.txt", &state::table(scene, plan))?;
    look.file("dump", directory, &format!("{} hosts, and state.txt", scene.hosts.len()));
    look.fields.push(("dump", json!(directory.to_string_lossy())));
    Ok(())
}

/// The chart of an operation's messages, as SVG: the run is played twice.
pub(in crate::cli) fn sequence(plan: &Plan, operation: u64, watch: Watch<'_>) -> Result<String, String> {
    let chronicle = Rc::new(RefCell::new(Chronicle::new(None)));
    let observers: Vec<Box<dyn Observer>> = vec![Box::new(chronicle.clone())];
    let (run, scene) = world::run_observed(plan, &Options::default(), (observers, None), watch)
        .map_err(|error| error.to_string())?;
    if run.partial {
        return Err("interrupted before there was anything to draw".to_owned());
    }
    let chronicle = chronicle.borrow();
    let explanation = (Inquest { chronicle: &chronicle, run: &run, scene: &scene })
        .explain(&Subject::Operation(operation))
        .map_err(|unknown| unknown.to_string())?;
    let drawn = draw(plan, &explanation, watch)?;
    drawn.map(|drawn| drawn.svg()).ok_or_else(|| "nothing happened that could be drawn".to_owned())
}

/// The run is played once more, up to where what is drawn ended: only now is it known what belongs to it. `None` if nothing
/// happened.
fn draw(plan: &Plan, explanation: &Explanation, watch: Watch<'_>) -> Result<Option<Sequence>, String> {
    let Some((from, to)) = explanation.span else { return Ok(None) };
    let chart = Rc::new(RefCell::new(Chart::new(explanation.cast.clone(), from)));
    let observers: Vec<Box<dyn Observer>> = vec![Box::new(chart.clone())];
    world::run_observed(plan, &Options::default(), (observers, Some(to + AFTER)), watch)
        .map_err(|error| error.to_string())?;
    let title = explanation.title.lines().map(str::to_owned).collect();
    let drawn = chart.borrow_mut().finish(title);
    Ok(Some(drawn))
}

/// Writes what is drawn.
fn chart(
    plan: &Plan,
    explanation: &Explanation,
    file: &Path,
    watch: Watch<'_>,
    look: &mut Look,
) -> Result<(), String> {
    let Some(sequence) = draw(plan, explanation, watch)? else {
        look.file("chart", file, "not written: nothing happened that could be drawn");
        return Ok(());
    };
    result::write_text(file, &sequence.svg()).map_err(|error| error.to_string())?;
    let drawn = [sequence.arrows.len(), sequence.activities.len(), sequence.marks.len()];
    let left_out: usize = drawn.iter().map(|count| count.saturating_sub(DRAWN_MAX)).sum();
    let more = if left_out == 0 { String::new() } else { format!("; {left_out} more are not drawn") };
    let [arrows, activities, marks] = drawn;
    let what = format!(
        "{arrows} messages between {} hosts, {activities} jobs and syncs, {marks} marks{more}",
        sequence.lanes.len()
    );
    look.file("chart", file, &what);
    look.fields
        .push(("chart", json!({ "file": file.to_string_lossy(), "messages": arrows, "left_out": left_out })));
    Ok(())
}
