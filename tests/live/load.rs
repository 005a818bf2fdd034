//! Load of a known rate on a cluster, and what became of it before and during something.

use super::cluster::{Cluster, http};
use super::daemons::people;
use base64::Engine as _;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One registration of a record each. A debug build on two busy cores carries several times as many.
const INTERVAL: Duration = Duration::from_millis(100);
/// What is measured before whatever is to be endured, and at least during it.
const SPAN: Duration = Duration::from_secs(6);

/// An operation: when the schedule said that it starts, when it had ended, and the API's answer.
struct Operation {
    scheduled: Instant,
    ended: Instant,
    code: Option<u16>,
    answer: String,
}

/// Open loop: operations start by the schedule, whatever has become of earlier ones.
pub struct Load {
    stop: Arc<AtomicBool>,
    schedule: JoinHandle<Vec<JoinHandle<Operation>>>,
}

impl Load {
    /// Through a gateway's API, from when it answers.
    pub fn start(cluster: &Cluster, gateway: u16) -> Self {
        let (actor, patient) = people(cluster, usize::from(gateway));
        let document = base64::engine::general_purpose::STANDARD.encode("a report");
        let record =
            json!({ "actor": actor, "patient": patient, "class": "Observation", "document": document });
        let (code, answer) = cluster.post(gateway, "register", &record);
        assert_eq!(code, 200, "{answer}");
        let (port, body) = (cluster.gateway_port(gateway), record.to_string());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let schedule = std::thread::spawn(move || {
            let (start, mut operations) = (Instant::now(), Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let scheduled = start + INTERVAL * operations.len() as u32;
                std::thread::sleep(scheduled.saturating_duration_since(Instant::now()));
                let body = body.clone();
                operations.push(std::thread::spawn(move || {
                    let answer = http("POST", port, "/v1/register", &body);
                    let code = answer.as_ref().map(|(code, _)| *code);
                    let answer = answer.map(|(_, answer)| answer).unwrap_or_default();
                    Operation { scheduled, ended: Instant::now(), code, answer }
                }));
            }
            operations
        });
        Self { stop, schedule }
    }

    /// The cluster keeps its rate while `attack` is called again and again: all that was offered is committed, nothing times out,
    /// and as much a second is committed during the attack as before it.
    pub fn endures(self, what: &str, mut attack: impl FnMut() -> Attack) {
        let before = Instant::now();
        std::thread::sleep(SPAN);
        let began = Instant::now();
        while attack() == Attack::GoesOn || began.elapsed() < SPAN {}
        let over = Instant::now();
        self.stop.store(true, Ordering::Relaxed);
        let operations: Vec<Operation> =
            self.schedule.join().unwrap().into_iter().map(|operation| operation.join().unwrap()).collect();
        for operation in &operations {
            assert_eq!(operation.code, Some(200), "{what}: {}", operation.answer);
        }
        // As many a second as have ended between two moments.
        let rate = |from: Instant, to: Instant| {
            let within = |operation: &&Operation| (from..to).contains(&operation.ended);
            operations.iter().filter(within).count() as f64 / (to - from).as_secs_f64()
        };
        let latency = |from: Instant, to: Instant| {
            let within = operations.iter().filter(|operation| (from..to).contains(&operation.scheduled));
            within.map(|operation| operation.ended - operation.scheduled).max().unwrap_or_default()
        };
        let (quiet, attacked) = (rate(before, began), rate(began, over));
        let offered = 1.0 / INTERVAL.as_secs_f64();
        println!(
            "{what}: offered {offered:.1}/s, committed {quiet:.2}/s before and {attacked:.2}/s during {:.1} s, slowest {:.0?} and {:.0?}",
            (over - began).as_secs_f64(),
            latency(before, began),
            latency(began, over),
        );
        assert!(attacked >= 0.9 * quiet, "{what}: {quiet:.2}/s before, {attacked:.2}/s during the attack");
    }
}

/// Whether an attack has had its effect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    GoesOn,
    HasHad,
}
