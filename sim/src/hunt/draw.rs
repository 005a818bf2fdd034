//! What a hunt varies of a scenario, and fault schedules drawn at random within its bounds.
//!
//! Swarm testing (Groce et al., ISSTA 2012): each seed leaves out kinds of fault at random, because a kind that is always
//! there hides what the others do alone. Each seed also draws how much of the run its faults fall into: what goes wrong
//! at once goes wrong differently.

use super::Scope;
use crate::diagnostic::Diagnostics;
use crate::plan::{Plan, ReplicaBehaviour, duration_text};
use crate::scenario::Scenario;
use crate::seed::{Seed, Stream};
use ledger_core::time::Duration;

/// Most faults in a schedule.
pub const FAULTS_MAX: u64 = 6;
/// Tries to find a place for a fault that does not contradict the others.
const TRIES: usize = 4;
/// Shortest fault, and the grain of its times.
const GRAIN: Duration = Duration::from_micros(100);
/// Halvings of the longest span that a fault may be drawn from: spans are spread over orders of magnitude.
const HALVINGS: u64 = 9;

/// How a kind of fault is drawn: its keys in YAML beside `for`, and when it strikes.
type Draw = fn(&mut Stream, &Bounds) -> (String, When);

/// Every kind of fault that is drawn, as a scenario names it. One row a kind.
pub const KINDS: &[(&str, Draw)] = &[
    ("crash", |stream, bounds| (replicas(stream, bounds), bounds.span(stream))),
    ("pause", |stream, bounds| (replicas(stream, bounds), bounds.span(stream))),
    ("partition", |stream, bounds| (groups(stream, bounds), bounds.span(stream))),
    ("one_way", |stream, bounds| (one_way(stream, bounds), bounds.span(stream))),
    ("link", |stream, bounds| (link(stream, bounds), bounds.span(stream))),
    ("slow_cpu", |stream, bounds| (slow(stream, bounds), bounds.span(stream))),
    ("slow_disk", |stream, bounds| (slow(stream, bounds), bounds.span(stream))),
    ("byzantine", |stream, bounds| (byzantine(stream, bounds), bounds.span(stream))),
];

/// What faults are drawn within.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many replicas there are.
    pub replicas: u64,
    /// Faults strike from then on, after the warm-up.
    pub from: Duration,
    /// By then all are healed.
    pub until: Duration,
}

/// When a fault strikes and for how long; each `None` where its kind has no such key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// `at`
    pub at: Option<Duration>,
    /// `for`
    pub lasts: Option<Duration>,
}

impl Bounds {
    /// A span inside the bounds: its length log-uniform, its place uniform.
    pub fn span(&self, stream: &mut Stream) -> When {
        let grains = |duration: Duration| (duration.as_nanos() / GRAIN.as_nanos()) as u64;
        let (from, until) = (grains(self.from), grains(self.until).max(grains(self.from) + 2));
        let longest = ((until - from) >> stream.below(HALVINGS)).max(1);
        let lasts = stream.uniform(1, longest);
        let at = stream.uniform(from, (until - lasts).max(from));
        let span = |grains: u64| Duration::from_nanos(grains * GRAIN.as_nanos() as u64);
        When { at: Some(span(at)), lasts: Some(span(lasts)) }
    }
}

/// Any of the replicas, few more often than many.
fn replicas(stream: &mut Stream, bounds: &Bounds) -> String {
    format!("replicas: {:?}", some(stream, bounds))
}

/// One group against the rest.
fn groups(stream: &mut Stream, bounds: &Bounds) -> String {
    let mut group = some(stream, bounds);
    if group.len() as u64 == bounds.replicas {
        group.pop();
    }
    format!("groups: [{group:?}, rest]")
}

/// From some to some others.
fn one_way(stream: &mut Stream, bounds: &Bounds) -> String {
    let mut from = some(stream, bounds);
    if from.len() as u64 == bounds.replicas {
        from.pop();
    }
    let to: Vec<u64> = (0..bounds.replicas).filter(|replica| !from.contains(replica)).collect();
    format!("from: {from:?}, to: {to:?}")
}

/// Later and lossier, one way or both.
fn link(stream: &mut Stream, bounds: &Bounds) -> String {
    let direction = ["in", "out", "both"][stream.below(3) as usize];
    let (loss, delay) = (stream.uniform(0, 30), stream.uniform(1, 400));
    format!("replicas: {:?}, direction: {direction}, loss: {loss}%, delay: {delay}ms", some(stream, bounds))
}

fn slow(stream: &mut Stream, bounds: &Bounds) -> String {
    format!("replicas: {:?}, factor: {}", some(stream, bounds), stream.uniform(2, 200))
}

/// One replica, which every committee of four or more tolerates, with one to three behaviours.
fn byzantine(stream: &mut Stream, bounds: &Bounds) -> String {
    let mut names: Vec<&str> = ReplicaBehaviour::ALL.iter().map(|(name, _)| *name).collect();
    stream.shuffle(&mut names);
    names.truncate(stream.uniform(1, 3) as usize);
    // Always the last, so that two faults do not make two replicas Byzantine.
    format!("replicas: [{}], behaviour: [{}]", bounds.replicas - 1, names.join(", "))
}

fn some(stream: &mut Stream, bounds: &Bounds) -> Vec<u64> {
    let mut all: Vec<u64> = (0..bounds.replicas).collect();
    stream.shuffle(&mut all);
    let most = (bounds.replicas >> stream.below(2)).max(1);
    all.truncate(stream.uniform(1, most) as usize);
    all.sort_unstable();
    all
}

/// A fault as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// A name of [`KINDS`].
    pub kind: &'static str,
    /// Its keys beside `for`.
    pub keys: String,
    /// When.
    pub when: When,
}

impl Drawn {
    /// A fault from the beginning to the end, as in `byzantine: { replicas: [3], behaviour: twins }`.
    ///
    /// # Errors
    /// What it is not, in words.
    pub fn always(text: &str) -> Result<Self, String> {
        let kinds = || KINDS.iter().map(|(kind, _)| *kind).collect::<Vec<_>>().join(", ");
        let (kind, keys) = text.split_once(':').unwrap_or((text, ""));
        let (kind, _) = KINDS.iter().find(|(name, _)| *name == kind.trim()).ok_or_else(|| {
            format!("`{}` is no kind of fault that a hunt draws; they are {}", kind.trim(), kinds())
        })?;
        let keys = keys.trim().strip_prefix('{').and_then(|keys| keys.strip_suffix('}'));
        let keys = keys.ok_or_else(|| format!("expected `{kind}: {{ KEYS }}`, as in a scenario"))?.trim();
        Ok(Self { kind, keys: keys.to_owned(), when: When { at: None, lasts: None } })
    }

    /// One item of `faults:`.
    pub fn to_yaml(&self) -> String {
        let lasts = self.when.lasts.map(|lasts| format!("for: {}", duration_text::format(lasts)));
        let keys: Vec<String> =
            [Some(self.keys.clone()).filter(|keys| !keys.is_empty()), lasts].into_iter().flatten().collect();
        let fault = format!("{}: {{ {} }}", self.kind, keys.join(", "));
        match self.when.at {
            Some(at) => format!("{{ at: {}, {fault} }}", duration_text::format(at)),
            None => format!("{{ {fault} }}"),
        }
    }
}

/// One run of a hunt: what differs from the scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Of the run.
    pub seed: u64,
    /// In place of the scenario's.
    pub faults: Vec<Drawn>,
    /// `None`: the scenario's.
    pub duration: Option<Duration>,
    /// `None`: the scenario's.
    pub patients: Option<u64>,
    /// Rates of the workloads in millihertz, in their order; empty: the scenario's.
    pub rates_mhz: Vec<u64>,
}

impl Case {
    /// With the faults that the scope always has and those that this seed draws. The scenario's own are left out, as is what
    /// it expects beside safety and liveness.
    pub fn draw(scope: &Scope, plan: &Plan, seed: u64) -> Self {
        let mut stream = Seed::new(seed).stream("hunt/faults");
        let faults = scope.always.clone();
        let mut case = Self { seed, faults, duration: None, patients: None, rates_mhz: Vec::new() };
        let bounds = bounds(&mut stream, plan);
        let kinds: Vec<_> = KINDS.iter().filter(|(kind, _)| scope.draws(kind)).collect();
        if kinds.is_empty() {
            return case;
        }
        let enabled = stream.uniform(1, (1 << kinds.len()) - 1);
        let kinds: Vec<_> = kinds.iter().enumerate().filter(|(index, _)| enabled >> index & 1 == 1).collect();
        for _ in 0..stream.uniform(1, FAULTS_MAX) {
            let (_, (kind, draw)) = kinds[stream.below(kinds.len() as u64) as usize];
            for _ in 0..TRIES {
                let (keys, when) = draw(&mut stream, &bounds);
                case.faults.push(Drawn { kind, keys, when });
                if case.plan(&scope.scenario).is_ok() {
                    break;
                }
                case.faults.pop();
            }
        }
        case
    }

    /// The scenario that it is.
    pub fn scenario(&self, base: &Scenario) -> Scenario {
        let mut scenario = base.clone();
        scenario.set_seed(self.seed);
        let faults: Vec<String> = self.faults.iter().map(Drawn::to_yaml).collect();
        scenario.set(&format!("faults=[{}]", faults.join(", ")));
        scenario.set("expect=[safety, liveness]");
        if let Some(duration) = self.duration {
            scenario.set(&format!("duration={}", duration_text::format(duration)));
        }
        if let Some(patients) = self.patients {
            scenario.set(&format!("population.patients={patients}"));
        }
        for (index, rate) in self.rates_mhz.iter().enumerate() {
            if let Some(name) = scenario.workload(index) {
                scenario.set(&format!("workloads[{index}].{name}.rate={}.{:03}/s", rate / 1000, rate % 1000));
            }
        }
        scenario
    }

    /// What runs.
    ///
    /// # Errors
    /// When faults contradict each other, or what is left of the scenario cannot run.
    pub fn plan(&self, base: &Scenario) -> Result<Plan, Diagnostics> {
        Plan::from_scenario(&self.scenario(base))
    }
}

/// The part of the run that a seed's faults fall into: all of it, or a stretch of a half to a sixteenth.
fn bounds(stream: &mut Stream, plan: &Plan) -> Bounds {
    let all = plan.duration.as_nanos() as u64;
    let stretch = (all >> stream.below(5)).max(1);
    let from = stream.uniform(0, all - stretch);
    Bounds {
        replicas: plan.replicas.len() as u64,
        from: Duration::from_nanos(from),
        until: Duration::from_nanos(from + stretch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Scenario {
        let text = "name: x\nduration: 3s\nledger: { replicas: 4 }\nnetwork: { topology: lan }\n\
                    workloads: [{ opaque: { rate: 10/s } }]\nfaults: [{ at: 1s, crash: { replicas: [0] } }]\n";
        Scenario::parse("x.yaml", text).unwrap()
    }

    #[test]
    fn every_seed_draws_a_schedule_that_can_run_and_heals() {
        let base = base();
        let plan = Plan::from_scenario(&base).unwrap();
        let scope = Scope::new(base.clone(), 0..200, 1);
        let mut drawn = std::collections::BTreeMap::<&str, u64>::new();
        for seed in 0..200 {
            let case = Case::draw(&scope, &plan, seed);
            assert_eq!(case, Case::draw(&scope, &plan, seed));
            let plan = case.plan(&base).unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!((plan.seed, plan.faults.len()), (seed, case.faults.len()));
            assert!((1..=FAULTS_MAX as usize).contains(&plan.faults.len()));
            for fault in &plan.faults {
                assert!(fault.at + fault.lasts.unwrap() <= plan.duration, "{case:?}");
            }
            case.faults.iter().for_each(|fault| *drawn.entry(fault.kind).or_default() += 1);
        }
        assert_eq!(drawn.len(), KINDS.len());
        assert!(drawn.values().all(|count| *count > 40), "{drawn:?}");
    }

    #[test]
    fn what_is_always_there_is_in_every_schedule_and_no_other_of_its_kind() {
        let plan = Plan::from_scenario(&base()).unwrap();
        let always = Drawn::always("byzantine: { replicas: [3], behaviour: twins }").unwrap();
        assert_eq!(always.to_yaml(), "{ byzantine: { replicas: [3], behaviour: twins } }");
        let scope = Scope {
            always: vec![always.clone()],
            without: vec!["crash", "pause"],
            ..Scope::new(base(), 0..50, 1)
        };
        for seed in 0..50 {
            let case = Case::draw(&scope, &plan, seed);
            assert_eq!(case.faults[0], always);
            case.plan(&base()).unwrap_or_else(|errors| panic!("{errors}"));
            let others = case.faults[1..].iter().map(|fault| fault.kind);
            assert!(others.clone().count() > 0);
            assert!(others.clone().all(|kind| !["byzantine", "crash", "pause"].contains(&kind)));
        }
        let all = KINDS.iter().map(|(kind, _)| *kind).collect();
        let nothing = Case::draw(&Scope { without: all, ..scope }, &plan, 1);
        assert_eq!(nothing.faults, [always]);
    }

    #[test]
    fn what_a_hunt_cannot_have_always_is_said() {
        for (text, said) in [
            ("crush: { replicas: [1] }", "`crush` is no kind of fault that a hunt draws"),
            ("crash", "expected `crash: { KEYS }`"),
            ("crash: replicas", "expected `crash: { KEYS }`"),
        ] {
            assert!(Drawn::always(text).unwrap_err().starts_with(said), "{text}");
        }
    }

    #[test]
    fn a_case_replaces_what_it_varies() {
        let case = Case {
            seed: 7,
            faults: Vec::new(),
            duration: Some(Duration::from_millis(1500)),
            patients: None,
            rates_mhz: vec![2_500],
        };
        let plan = case.plan(&base()).unwrap();
        assert_eq!((plan.seed, plan.faults.len(), plan.duration), (7, 0, Duration::from_millis(1500)));
        assert!(matches!(plan.workloads[0], crate::plan::WorkloadPlan::Opaque { rate_mhz: 2_500, .. }));
    }
}
