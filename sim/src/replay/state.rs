//! How a world stands at an instant, as a table for people and as JSON.

use super::explain::slot;
use crate::plan::Plan;
use crate::proof::{Names, moment};
use crate::report::units;
use crate::world::{HostView, MachineView, Scene};
use ledger_core::committee::Committee;
use ledger_core::gateway::GatewayView;
use ledger_core::replica::ReplicaView;
use ledger_core::seam::Peer;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Rows of a list that are shown; more are counted. JSON has all of them.
const SHOWN_MAX: usize = 8;

/// A line for each replica, and one for the gateways together.
pub fn table(scene: &Scene, plan: &Plan) -> String {
    let mut text = format!("at {}\n", instant(scene));
    for fault in &scene.faults {
        let kind = plan.faults.get(*fault).map(|fault| fault_name(&fault.kind)).unwrap_or_default();
        let _ = writeln!(text, "fault {fault} in force: {kind}");
    }
    let _ = writeln!(
        text,
        "\n{:<9} {:>7} {:>7} {:>9} {:>8} {:>8} {:>9} {:>9} {:>6} {:>8}  leader, state root",
        "replica",
        "round",
        "commit",
        "executed",
        "certif.",
        "log",
        "undecided",
        "suspended",
        "inbox",
        "mempool",
    );
    let mut gateways = [0usize; 5];
    for host in &scene.hosts {
        match &host.machine {
            MachineView::Gateway(view) => {
                gateways[0] += 1;
                gateways[1] += view.operations.len();
                gateways[2] += view.tickets;
                gateways[3] += view.jobs;
                gateways[4] += host.inbox.0;
            }
            MachineView::Down => {
                let _ = writeln!(text, "{:<9} down", name(host.peer));
            }
            MachineView::Replica(view) | MachineView::Byzantine(view) => text.push_str(&row(host, view)),
        }
    }
    let [gateways, operations, tickets, jobs, inbox] = gateways;
    if gateways > 0 {
        let _ = writeln!(
            text,
            "\n{gateways} gateways: {operations} operations under way, {tickets} key requests of others, {jobs} jobs, {inbox} \
             inputs waiting"
        );
    }
    text
}

fn instant(scene: &Scene) -> String {
    match scene.stopped {
        true => format!("{} (stopped there: the run went on)", moment(scene.at)),
        false => format!("{}, the end of the run", moment(scene.at)),
    }
}

fn row(host: &HostView, view: &ReplicaView) -> String {
    let status = &view.status;
    let undecided = view.ordering.slots.len();
    let root = view.state_root.map_or("-".to_owned(), |root| root.to_string()[..12].to_owned());
    let leader = status.protocol.leader.map_or("-".to_owned(), |leader| leader.to_string());
    let mut notes = String::new();
    if host.paused > 0 {
        notes.push_str(", paused");
    }
    if matches!(host.machine, MachineView::Byzantine(_)) {
        notes.push_str(", Byzantine");
    }
    if host.incarnation > 0 {
        let _ = write!(notes, ", restarted {} times", host.incarnation);
    }
    format!(
        "{:<9} {:>7} {:>7} {:>9} {:>8} {:>8} {:>9} {:>9} {:>6} {:>8}  {leader}, {root}{notes}\n",
        name(host.peer),
        status.protocol.round.0,
        status.protocol.commits,
        status.executed,
        status.certified,
        status.log_size,
        undecided,
        status.protocol.suspended,
        host.inbox.0,
        units::bytes(status.protocol.mempool_bytes as u64),
    )
}

/// Everything about one host.
pub fn host(host: &HostView, plan: &Plan, committee: &Committee) -> String {
    let mut text = format!("{}\n", name(host.peer));
    let mut line = |label: &str, what: String| {
        let _ = writeln!(text, "  {label:12} {what}");
    };
    match &host.machine {
        MachineView::Down => line("machine", "down".to_owned()),
        MachineView::Replica(view) => replica(view, committee, &mut line),
        MachineView::Byzantine(view) => {
            line("machine", "Byzantine; so stands the correct one inside:".to_owned());
            replica(view, committee, &mut line);
        }
        MachineView::Gateway(view) => gateway(view, plan, &mut line),
    }
    line("inbox", format!("{} inputs wait, {} at most so far", host.inbox.0, host.inbox.1));
    line("outbox", format!("{} messages wait for the core", host.outbox));
    let timer = host.timer_at.map_or("not armed".to_owned(), |at| format!("due at {}", moment(at)));
    line("timer", timer);
    let (work, jobs, wait) = host.cores;
    line(
        "cores",
        format!(
            "the machine's was busy for {}, until {}; the others had {} jobs of {} together, longest wait {}",
            units::span(host.machine_busy),
            moment(host.busy_until),
            units::count(jobs),
            units::span(work),
            units::span(wait),
        ),
    );
    let (first, durable, end) = host.disk.entries;
    if end > 0 {
        let counters = host.disk.counters;
        line(
            "disk",
            format!(
                "entries {first} to {end}, {} not durable; {} appended, {} in all, {} syncs",
                end - durable,
                units::count(counters.appends),
                units::bytes(counters.bytes),
                units::count(counters.syncs),
            ),
        );
    }
    text
}

fn replica(view: &ReplicaView, committee: &Committee, line: &mut dyn FnMut(&str, String)) {
    let ordering = &view.ordering;
    let (quorum, since) = ordering.quorum;
    let disk = ordering.undurable.map_or(String::new(), |_| ", waiting for the disk".to_owned());
    line(
        "round",
        format!(
            "own block of round {}{disk}; a quorum of round {} is here since {}; window {} to {}",
            ordering.own.round.0,
            quorum.0,
            moment(since),
            ordering.window.0.0,
            ordering.window.1.0,
        ),
    );
    let leaders: Vec<String> = ordering.leaders.iter().map(|leader| leader.to_string()).collect();
    line("leaders", format!("of the next round: {}", leaders.join(", ")));
    let last = ordering.last.map_or("none".to_owned(), |(index, leader, time)| {
        format!("{index}, led by {}, commit time {}", slot::name(&leader), moment(time))
    });
    line("commit", last);
    line("executed", format!("{} (at commit time {})", view.status.executed, moment(view.time)));
    let certified = view.certified.map_or("no checkpoint".to_owned(), |body| {
        format!("commit {}, log of {} entries, root {}", body.commit, body.size, body.root)
    });
    line("certified", certified);
    if let Some((size, root)) = view.log {
        line("log", format!("{size} entries, root {root}"));
    }
    if let Some(root) = view.state_root {
        line("state root", root.to_string());
    }
    let tables = view.tables.iter().filter(|(_, rows)| *rows > 0);
    let tables: Vec<String> =
        tables.map(|(table, rows)| format!("{table} {}", units::count(*rows as u64))).collect();
    if !tables.is_empty() {
        line("tables", tables.join(", "));
    }
    for account in ordering.slots.iter().take(SHOWN_MAX) {
        line("slot", slot::words(account, committee).join("; "));
    }
    more(ordering.slots.len(), "slots", line);
    for block in ordering.suspended.iter().take(SHOWN_MAX) {
        line("suspended", slot::name(block));
    }
    more(ordering.suspended.len(), "suspended blocks", line);
    for (block, times, at) in ordering.missing.iter().take(SHOWN_MAX) {
        let block = slot::name(block);
        line("missing", format!("{block}, asked for {times} times, next at {}", moment(*at)));
    }
    more(ordering.missing.len(), "missing blocks", line);
    for (what, at) in &ordering.timers {
        line("ordering", format!("{what}: at {}", moment(*at)));
    }
    let (items, bytes) = ordering.mempool;
    line("mempool", format!("{items} items, {}", units::bytes(bytes as u64)));
    let counts = |rows: &[(&str, usize)]| {
        let rows = rows.iter().filter(|(_, count)| *count > 0);
        let rows: Vec<String> = rows.map(|(what, count)| format!("{count} {what}")).collect();
        if rows.is_empty() { "nothing".to_owned() } else { rows.join(", ") }
    };
    line("queues", counts(&view.queues));
    line("jobs", counts(&view.jobs));
    for (round, author) in &ordering.equivocations {
        line("evidence", format!("{author} made two blocks of round {}", round.0));
    }
}

fn more(count: usize, what: &str, line: &mut dyn FnMut(&str, String)) {
    if let Some(more @ 1..) = count.checked_sub(SHOWN_MAX) {
        line("", format!("and {more} more {what}"));
    }
}

fn gateway(view: &GatewayView, plan: &Plan, line: &mut dyn FnMut(&str, String)) {
    line("institution", Names::of(plan).name(view.organisation.0));
    line("home", format!("{}; new questions go to {}", view.home, view.contact));
    for operation in view.operations.iter().take(SHOWN_MAX) {
        let transaction = operation.transaction.map_or(String::new(), |name| format!(", transaction {name}"));
        line(
            "operation",
            format!(
                "{} waits for {}, until {}{transaction}",
                operation.operation,
                operation.waits_for,
                moment(operation.deadline)
            ),
        );
    }
    more(view.operations.len(), "operations", line);
    line("key requests", format!("{} of others", view.tickets));
    line("holds", format!("{} documents; {} people acted here", view.holdings, view.actors));
    line("jobs", view.jobs.to_string());
}

/// A host, for people and in names of files.
pub fn name(peer: Peer) -> String {
    match peer {
        Peer::Replica(replica) => format!("replica {}", replica.0),
        Peer::Gateway(gateway) => format!("gateway {}", gateway.0),
        Peer::Local => "local".to_owned(),
    }
}

/// A fault's kind as it is called in a plan.
pub fn fault_name(kind: &crate::plan::FaultKind) -> String {
    match serde_json::to_value(kind) {
        Ok(Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
        Ok(Value::String(name)) => name,
        Ok(_) | Err(_) => "fault".to_owned(),
    }
}

/// A host for programs.
pub fn json(host: &HostView) -> Value {
    let (machine, state) = match &host.machine {
        MachineView::Down => ("down", Value::Null),
        MachineView::Replica(view) => ("replica", replica_json(view)),
        MachineView::Byzantine(view) => ("byzantine", replica_json(view)),
        MachineView::Gateway(view) => ("gateway", gateway_json(view)),
    };
    let (first, durable, end) = host.disk.entries;
    json!({
        "host": name(host.peer),
        "machine": machine,
        "state": state,
        "paused": host.paused,
        "restarts": host.incarnation,
        "inbox": host.inbox.0,
        "inbox_max": host.inbox.1,
        "outbox": host.outbox,
        "busy_until_ns": host.busy_until.0,
        "timer_ns": host.timer_at.map(|at| at.0),
        "machine_busy_ns": host.machine_busy.as_nanos() as u64,
        "jobs": host.cores.1,
        "jobs_busy_ns": host.cores.0.as_nanos() as u64,
        "job_wait_ns_max": host.cores.2.as_nanos() as u64,
        "disk": {
            "first": first,
            "durable": durable,
            "end": end,
            "written_ns": host.disk.written_at.0,
            "appends": host.disk.counters.appends,
            "bytes": host.disk.counters.bytes,
            "syncs": host.disk.counters.syncs,
        },
    })
}

fn replica_json(view: &ReplicaView) -> Value {
    let ordering = &view.ordering;
    let pairs = |rows: &[(&'static str, usize)]| {
        rows.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect::<serde_json::Map<_, _>>()
    };
    json!({
        "round": ordering.own.round.0,
        "own_block": format!("{:?}", ordering.own),
        "waits_for_disk": ordering.undurable.is_some(),
        "quorum_round": ordering.quorum.0.0,
        "quorum_since_ns": ordering.quorum.1.0,
        "window": [ordering.window.0.0, ordering.window.1.0],
        "next_leaders": ordering.leaders.iter().map(|leader| leader.0).collect::<Vec<_>>(),
        "commit": ordering.last.map(|(index, leader, time)| {
            json!({ "index": index, "leader": format!("{leader:?}"), "time_ns": time.0 })
        }),
        "executed": view.status.executed,
        "executed_time_ns": view.time.0,
        "certified": view.certified.map(|body| json!({
            "commit": body.commit,
            "log_size": body.size,
            "log_root": body.root.to_string(),
            "state_root": body.state_root.to_string(),
        })),
        "log": view.log.map(|(size, root)| json!({ "size": size, "root": root.to_string() })),
        "state_root": view.state_root.map(|root| root.to_string()),
        "tables": pairs(&view.tables),
        "undecided": ordering.slots.iter().map(slot::json).collect::<Vec<_>>(),
        "suspended": ordering.suspended.iter().map(|block| format!("{block:?}")).collect::<Vec<_>>(),
        "missing": ordering.missing.iter().map(|(block, asked, at)| {
            json!({ "block": format!("{block:?}"), "asked": asked, "next_ns": at.0 })
        }).collect::<Vec<_>>(),
        "timers": ordering.timers.iter().map(|(what, at)| json!({ "what": what, "at_ns": at.0 })).collect::<Vec<_>>(),
        "mempool": { "items": ordering.mempool.0, "bytes": ordering.mempool.1 },
        "queues": pairs(&view.queues),
        "jobs": pairs(&view.jobs),
        "equivocations": ordering.equivocations.iter().map(|(round, author)| json!([round.0, author.0])).collect::<Vec<_>>(),
        "messages_dropped": view.status.dropped,
        "memory": {
            "ordering": view.status.ordering_bytes,
            "ledger": view.status.ledger_bytes,
            "log": view.status.log_bytes,
        },
    })
}

fn gateway_json(view: &GatewayView) -> Value {
    let operations = view.operations.iter().map(|operation| {
        json!({
            "operation": operation.operation,
            "waits_for": operation.waits_for,
            "transaction": operation.transaction.map(|name| name.to_string()),
            "deadline_ns": operation.deadline.0,
            "wakes_ns": operation.wakes_at.map(|at| at.0),
        })
    });
    json!({
        "organisation": view.organisation.0,
        "home": view.home.0,
        "contact": view.contact.0,
        "operations": operations.collect::<Vec<_>>(),
        "key_requests": view.tickets,
        "holdings": view.holdings,
        "actors": view.actors,
        "jobs": view.jobs,
        "wakes_ns": view.wakes_at.map(|at| at.0),
    })
}
