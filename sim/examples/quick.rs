//! stub
use sim::{cli, plan::Plan, scenario::Scenario, world};
fn main() {
    let _ = cli::colour;
    let path = std::env::args().nth(1).unwrap();
    let s = Scenario::read(std::path::Path::new(&path)).unwrap_or_else(|e| panic!("{e}"));
    let plan = Plan::from_scenario(&s).unwrap_or_else(|e| panic!("{e}"));
    let run = world::run(&plan, &mut |p| {
        eprint!("\r{} {} {}", p.now, p.events, p.committed);
        sim::history::Control::Continue
    })
    .unwrap();
    let mut l: Vec<u64> = run.history.commit_latencies.iter().map(|x| x.1).collect();
    l.sort();
    eprintln!(
        "\ndigest {} end {} events {} wall {:?} setup {:?}",
        run.digest, run.end, run.events, run.wall, run.setup_wall
    );
    if !l.is_empty() {
        eprintln!(
            "commit latency p50 {} p99 {} max {}  n {}",
            l[l.len() / 2] / 1000,
            l[l.len() * 99 / 100] / 1000,
            l[l.len() - 1] / 1000,
            l.len()
        );
    }
    let mut t: Vec<u64> =
        run.history.operations.iter().filter_map(|o| Some(o.receipt_at?.0 - o.scheduled.0)).collect();
    t.sort();
    if !t.is_empty() {
        eprintln!(
            "tx latency p50 {} p99 {} max {} done {} of {}",
            t[t.len() / 2] / 1000,
            t[t.len() * 99 / 100] / 1000,
            t[t.len() - 1] / 1000,
            t.len(),
            run.history.operations.len()
        );
    }
    eprintln!(
        "commits {} divergences {} misbehaviour {:?}",
        run.history.commits.len(),
        run.history.divergences.len(),
        run.history.misbehaviour.first()
    );
    for r in run.history.replicas.iter().take(3) {
        eprintln!("{:?}", r);
    }
    eprintln!("{:?}", run.history.network);
    let ends: std::collections::BTreeMap<String, u64> =
        run.history.operations.iter().fold(Default::default(), |mut m, o| {
            *m.entry(format!(
                "{:?} {}",
                o.kind,
                o.ended.map_or("open".into(), |e| format!("{:?}", e.1)
                    .split(|c: char| c == '{')
                    .next()
                    .unwrap()
                    .to_string()
                    .split("Id")
                    .next()
                    .unwrap()
                    .to_string())
            ))
            .or_default() += 1;
            m
        });
    eprintln!("{ends:#?}");
    for v in sim::check::check(&run) {
        eprintln!("{:?} {} {}", v.status, v.checker, v.detail);
    }
    eprintln!("rss {} MB", run.history.series.iter().map(|s| s.resident_bytes).max().unwrap() >> 20);
}
