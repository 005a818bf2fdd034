use super::*;
use crate::check::{Status, Verdict};
use crate::metrics::{Metrics, fake};

/// What somebody may call a region.
const HOSTILE: &str = "</script><img src=x onerror=alert(1)>&\"'";

fn result() -> (ResultFile, Beside) {
    let run = fake::run(&fake::plan());
    let metrics = Metrics::of(&run);
    let verdict =
        |checker: &'static str, status, detail: &str| Verdict { checker, status, detail: detail.to_owned() };
    let verdicts = [
        verdict("agreement", Status::Passed, "50 commits"),
        verdict("consent", Status::Failed, "a key left without a permit"),
    ];
    let expected = crate::expect::evaluate(&run.plan.expect, &metrics, &verdicts);
    let result =
        ResultFile::new(&run, &metrics, &verdicts, &expected, "amanah replay results/fake".to_owned());
    (result, Beside::of(&run, &metrics))
}

#[test]
fn the_page_says_what_the_result_says() {
    let (result, beside) = result();
    let page = run(&result, &beside, None);
    assert!(page.contains("Does a share arrive within 100 ms while one of four replicas is down?"));
    assert!(page.contains("<strong>FAILED</strong>"));
    for part in [
        "a key left without a permit",
        "crash of 3",
        "amanah replay results/fake",
        &result.digest,
        "share.latency.p99 &lt; 100ms",
        "warmup: 5s",
        // Counted in `result.json`, shown as in the printed report.
        &tables::figure(&result, "share.latency.p99").unwrap(),
        &tables::figure(&result, "transactions.committed").unwrap(),
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Every metric has its row, and every second its point in the chart of throughput.
    for name in result.metrics.keys() {
        assert!(page.contains(&format!("<td>{name}</td>")), "{name}");
    }
    let chart =
        page.split("<script type=\"application/json\">").nth(1).unwrap().split("</script>").next().unwrap();
    let chart: serde_json::Value = serde_json::from_str(chart).unwrap();
    assert_eq!(chart["series"][0]["y"].as_array().unwrap().len(), 25);
    assert_eq!(chart["series"][0]["y"][4], 90);
    let fault = chart["marks"].as_array().unwrap().iter().find(|mark| mark["label"] == "crash of 3").unwrap();
    assert_eq!((fault["from"].as_f64(), fault["to"].as_f64()), (Some(8.0), Some(10.0)));
    assert!(page.len() < 150_000, "{} bytes", page.len());
}

#[test]
fn what_is_absent_is_said_to_be() {
    let (mut result, _) = result();
    result.replicas.clear();
    result.links.clear();
    result.notable.clear();
    let page = run(&result, &Beside::default(), None);
    for part in [
        "No series.csv stands beside this result",
        "No histograms (.hgrm) stand beside this result",
        "has no rows of replicas",
        "What links carried is not in this result",
        "No share was completed.",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<figure class=\"chart\""));
}

#[test]
fn names_of_a_scenario_are_text() {
    let (mut result, beside) = result();
    let plain = run(&result, &beside, None);
    result.plan.name = HOSTILE.to_owned();
    result.plan.question = HOSTILE.to_owned();
    result.plan.network.regions[0] = HOSTILE.to_owned();
    result.regions[0].region = HOSTILE.to_owned();
    result.replay = HOSTILE.to_owned();
    result.verdicts[0].detail = HOSTILE.to_owned();
    result.expectations[0].text = HOSTILE.to_owned();
    result.hostile_acts.insert(HOSTILE.to_owned(), 1);
    let link = crate::result::LinkRow { from: 0, to: 0, messages: 1, bytes: 1 };
    result.links = vec![link];
    let page = run(&result, &beside, Some((HOSTILE, HOSTILE)));
    assert_eq!(page.matches("<script").count(), plain.matches("<script").count());
    assert_eq!(page.matches("</script").count(), plain.matches("</script").count());
    assert!(!page.contains("<img src") && !page.contains("onerror=alert(1)>"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

#[test]
fn the_answer_is_the_printed_one() {
    let (mut result, _) = result();
    assert_eq!(answer(&result).1, "FAILED");
    result.verdicts[1].status = StatusName::Undecided;
    assert_eq!(answer(&result).1, "UNDECIDED");
    result.verdicts[1].status = StatusName::Passed;
    result.invalid = Some("the generator lagged".to_owned());
    assert_eq!(answer(&result).1, "INVALID");
    result.invalid = None;
    result.expectations.iter_mut().for_each(|row| row.held = true);
    assert_eq!((answer(&result).0, answer(&result).1), (Tone::Good, "PASSED"));
    assert_eq!(answer(&result).2, "2 checkers passed, 3 of 3 expectations held");
    result.expectations[0].held = false;
    assert_eq!(answer(&result).1, "FAILED");
}
