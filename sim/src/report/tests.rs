//! What people see.

use super::*;
use crate::expect::evaluate;
use crate::metrics::fake;

fn verdict(checker: &'static str, status: Status, detail: &str) -> Verdict {
    Verdict { checker, status, detail: detail.to_owned() }
}

fn rendered(run: &Run, verdicts: &[Verdict], style: Style) -> String {
    let metrics = Metrics::of(run);
    let expectations = evaluate(&run.plan.expect, &metrics, verdicts);
    Report {
        run,
        metrics: &metrics,
        verdicts,
        expectations: &expectations,
        file: Path::new("results/fake-7/result.json"),
        replay: "amanah replay results/fake-7/result.json",
    }
    .render(style)
}

fn verdicts() -> [Verdict; 3] {
    [
        verdict("agreement", Status::Passed, "50 commits, 4 replicas"),
        verdict("validity", Status::Passed, "2,499 of 2,500 operations ended"),
        verdict("audit", Status::NotApplicable, ""),
    ]
}

#[test]
fn the_report_of_a_run() {
    let run = fake::run(&fake::plan());
    insta::assert_snapshot!(rendered(&run, &verdicts(), Style::default()), @r"
    Does a share arrive within 100 ms while one of four replicas is down?
    fake, seed 7

    FAILED  2 checkers passed, 2 of 3 expectations held

    Throughput                 count      rate
      offered                          100.0/s
      started                          100.0/s
      transactions             1,800   90.00/s
      committed                1,799   89.95/s
        of these refused          20    1.00/s
      timed out                    1    0.05/s
      shares                     980   49.00/s

    Latency                  samples       p50       p90       p99       max
      transaction              1,799   40.0 ms   60.0 ms    1.86 s    2.04 s
        refused                   20   40.0 ms   40.0 ms    2.00 s    2.00 s
      commit                      40   30.0 ms   30.0 ms   30.0 ms   30.0 ms
      share                      980   87.0 ms   87.0 ms    1.89 s    2.09 s
        queue                    980   5.00 ms   5.00 ms    1.81 s    2.00 s
        order                    980   25.0 ms   25.0 ms   25.0 ms   25.0 ms
        execute                  980   10.0 ms   10.0 ms   10.0 ms   10.0 ms
        key                      980   20.0 ms   20.0 ms   20.0 ms   20.0 ms
        transfer                 980   25.0 ms   25.0 ms   25.0 ms   25.0 ms
        verify                   980   2.00 ms   2.00 ms   2.00 ms   2.00 ms
      revocation                 200   40.0 ms   40.0 ms    1.77 s    1.97 s

    Shares and consent         count  of these wrongly
      requested                1,000
      completed                  980                 0
      refused                     20                 0
      failed                       0
      timed out                    0
      documents              2.01 MB
      revocations                200
      accesses after them          0
      proofs asked for           200
      proofs verified            200
      proofs failed                0
      proofs timed out             0

    Systems                                   count       p50       p99       max
      personal_health_record.false_alarms         0

    Faults                        at    healed  recovered after
      crash of 3              8.00 s    10.0 s             0 ms
      longest standstill                                 2.02 s

    Replicas                  rounds   commits     cores      sent   mempool    memory  restarts
      r0                       2,000         0    31.0 %   10.0 MB   40.0 kB   5.24 MB         0
      r1                       1,999         0    33.0 %   20.0 MB   40.0 kB   6.29 MB         0
      r2                       1,998         0    35.0 %   30.0 MB   40.0 kB   7.34 MB         0
      r3                       1,997         0    37.0 %   40.0 MB   40.0 kB   8.39 MB         1

    Network                 messages     bytes
      consensus               40,000   60.0 MB
      clients                  9,000   9.00 MB
      documents                1,000   31.0 MB
      packets lost                12
      not delivered              340

    Simulator                  events  events/s   virtual      wall     speed     setup    memory
                            1,200,000   600,000    26.0 s    2.50 s    13.00x    500 ms   67.1 MB

    Checkers
      ok   agreement  50 commits, 4 replicas
      ok   validity   2,499 of 2,500 operations ended
      n/a  audit

    Expectations
      ok   safety                       1 checker passed
      FAIL share.latency.p99 < 100ms    1.89 s
      ok   shares.refused_wrongly == 0  0

    digest  52c25a31d6b2dc35081c3a2f9ff7e92d38d145bf738c244d6e71c137aa4d4de5
    results results/fake-7/result.json
    repeat  amanah replay results/fake-7/result.json
    ");
}

#[test]
fn every_line_fits_100_columns() {
    let mut run = fake::run(&fake::plan());
    let replica = run.history.replicas[0].clone();
    for replicas in [4, 50] {
        run.history.replicas = vec![replica.clone(); replicas];
        let text = rendered(&run, &verdicts(), Style { colour: false, unicode: true });
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
            assert_eq!(line, line.trim_end());
        }
        assert_eq!(text.contains("mean of 50"), replicas == 50);
    }
}

#[test]
fn the_answer_is_the_worst_finding() {
    let run = fake::run(&fake::plan());
    for (verdicts, answer) in [
        (vec![verdict("agreement", Status::Failed, "r1 differs")], "\nFAILED  1 checker failed"),
        (vec![verdict("history", Status::Undecided, "")], "\nUNDECIDED  1 checker undecided"),
    ] {
        let text = rendered(&run, &verdicts, Style::default());
        assert!(text.contains(answer), "{text}");
    }
    let mut lagged = fake::run(&fake::plan());
    lagged.history.operations.retain(|operation| operation.scheduled.0 % 3 == 0);
    assert!(rendered(&lagged, &verdicts(), Style::default()).contains("\nINVALID  "));
}

#[test]
fn a_partial_run_says_so() {
    let mut run = fake::run(&fake::plan());
    run.partial = true;
    assert!(rendered(&run, &verdicts(), Style::default()).contains("PARTIAL  interrupted at 26.0 s"));
}

#[test]
fn colours_are_only_where_asked_for() {
    let run = fake::run(&fake::plan());
    assert!(!rendered(&run, &verdicts(), Style::default()).contains('\x1b'));
    assert!(rendered(&run, &verdicts(), Style::default()).is_ascii());
    assert!(rendered(&run, &verdicts(), Style { colour: true, unicode: true }).contains("\x1b[1;32m✓"));
}
