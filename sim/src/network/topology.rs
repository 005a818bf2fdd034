//! Named topologies: regions, and the one-way delay between two hosts of each pair of them.
//!
//! Delays between cloud regions come from `region-rtt.csv`: medians and 90th percentiles of round trips over one year
//! (public cloudping measurements, 2025). One way is half a round trip: a minimum plus exponential jitter whose
//! median and 90th percentile are half of those measured. Those measurements end in an HTTP request, so delays within a
//! region (1.4–2.8 ms one way) are slower than between two machines of one data centre: `lan` and `metro` are for that.
//! All arithmetic is on integers.

use crate::plan::DelayPlan;

/// Regions and their delays, as a plan holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Region names; the index is the region's id.
    pub regions: Vec<String>,
    /// `delays[from][to]`: one-way delay between two hosts of these regions.
    pub delays: Vec<Vec<DelayPlan>>,
}

/// Every name that [`named`] knows:
///
/// - `lan`: one data centre, 100–200 us uniform.
/// - `metro`: three data centres of one city, each a `lan`, 0.5 ms plus 0.1 ms of mean jitter apart (a hundred
///   kilometres of fibre and its routers; assumed, not measured).
/// - `gulf-5`: a consortium centred on the Gulf: both Gulf regions (UAE, Bahrain) and those where its patients, staff
///   and trial partners come from, each 15–60 ms away one way: Mumbai, Milan, Singapore. Cape Town is left out: at
///   125–150 ms from everyone it would only ever be the vote that a quorum does not wait for.
/// - `published-6`: the regions of the published measurements that we predict (two of the US, three of Europe, Tokyo).
/// - `world-10`: ten regions of six continents but South America, which the measurements do not cover.
/// - `uniform-50-100ms`: one region, 50–100 ms uniform, as the closest peer's simulator has it.
pub const NAMES: &[&str] = &["lan", "metro", "gulf-5", "published-6", "world-10", "uniform-50-100ms"];

/// The topology called `name`, one of [`NAMES`].
pub fn named(name: &str) -> Option<Topology> {
    match name {
        "lan" => Some(flat(&["lan"], LAN, LAN)),
        "metro" => Some(flat(
            &["metro-a", "metro-b", "metro-c"],
            LAN,
            DelayPlan::Exponential { min_ns: 500_000, jitter_mean_ns: 100_000 },
        )),
        "gulf-5" => {
            Some(measured(&["me-central-1", "me-south-1", "ap-south-1", "eu-south-1", "ap-southeast-1"]))
        }
        "published-6" => Some(measured(&[
            "us-east-1",
            "us-east-2",
            "eu-central-1",
            "eu-west-2",
            "eu-west-3",
            "ap-northeast-1",
        ])),
        "world-10" => Some(measured(&[
            "us-east-1",
            "us-west-2",
            "ca-central-1",
            "eu-central-1",
            "eu-west-1",
            "me-central-1",
            "af-south-1",
            "ap-south-1",
            "ap-northeast-1",
            "ap-southeast-2",
        ])),
        "uniform-50-100ms" => {
            let delay = DelayPlan::Uniform { min_ns: 50_000_000, max_ns: 100_000_000 };
            Some(flat(&["uniform"], delay, delay))
        }
        _ => None,
    }
}

/// The least that a measured path is given as its minimum; no pair of regions of the table reaches it.
const MIN_DELAY_NS: u64 = 50_000;
const LAN: DelayPlan = DelayPlan::Uniform { min_ns: 100_000, max_ns: 200_000 };
const ROUND_TRIPS: &str = include_str!("region-rtt.csv");

fn flat(regions: &[&str], within: DelayPlan, between: DelayPlan) -> Topology {
    let delay = |from, to| if from == to { within } else { between };
    let row = |from| (0..regions.len()).map(|to| delay(from, to)).collect();
    Topology {
        regions: regions.iter().map(|region| (*region).to_owned()).collect(),
        delays: (0..regions.len()).map(row).collect(),
    }
}

fn measured(regions: &[&str]) -> Topology {
    let row = |from: &&str| regions.iter().map(|to| measured_delay(from, to)).collect();
    Topology {
        regions: regions.iter().map(|region| (*region).to_owned()).collect(),
        delays: regions.iter().map(row).collect(),
    }
}

fn measured_delay(from: &str, to: &str) -> DelayPlan {
    let (p50_ns, p90_ns) = ROUND_TRIPS
        .lines()
        .find_map(|line| {
            let mut fields = line.split(',');
            let found = fields.next() == Some(from) && fields.next() == Some(to);
            found.then(|| Some((tenths_of_ms(fields.next()?)?, tenths_of_ms(fields.next()?)?))).flatten()
        })
        .expect("a test reads every pair of regions that is named here");
    exponential(p50_ns / 2, p90_ns / 2)
}

/// `15.1` (milliseconds with one decimal) in nanoseconds.
fn tenths_of_ms(text: &str) -> Option<u64> {
    let (whole, tenths) = text.split_once('.').unwrap_or((text, "0"));
    if tenths.len() != 1 {
        return None;
    }
    Some((whole.parse::<u64>().ok()? * 10 + tenths.parse::<u64>().ok()?) * 100_000)
}

/// The exponential with this median and 90th percentile: they are ln 2 and ln 10 means above the minimum, ln 5 means
/// apart.
fn exponential(p50_ns: u64, p90_ns: u64) -> DelayPlan {
    const LN_2_PPB: u128 = 693_147_181;
    const LN_5_PPB: u128 = 1_609_437_912;
    const BILLION: u128 = 1_000_000_000;
    let mean_ns = u128::from(p90_ns.saturating_sub(p50_ns)) * BILLION / LN_5_PPB;
    let below_median_ns = (mean_ns * LN_2_PPB / BILLION) as u64;
    DelayPlan::Exponential {
        min_ns: p50_ns.saturating_sub(below_median_ns).max(MIN_DELAY_NS),
        jitter_mean_ns: mean_ns as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn every_name_is_a_square_matrix() {
        for name in NAMES {
            let topology = named(name).unwrap();
            assert_eq!(topology.delays.len(), topology.regions.len());
            for row in &topology.delays {
                assert_eq!(row.len(), topology.regions.len());
                for delay in row {
                    let (DelayPlan::Exponential { min_ns, .. } | DelayPlan::Uniform { min_ns, .. }) = delay;
                    assert!(*min_ns >= MIN_DELAY_NS);
                }
            }
        }
        assert_eq!(named("moon"), None);
    }

    #[test]
    fn draws_have_the_measured_percentiles() {
        let topology = named("published-6").unwrap();
        // us-east-1 to us-east-2: 15.1 and 19.2 ms.
        let DelayPlan::Exponential { min_ns, jitter_mean_ns } = topology.delays[0][1] else {
            panic!("a measured path is exponential")
        };
        let mut stream = Seed::new(1).stream("topology");
        let mut draws: Vec<u64> = (0..100_001).map(|_| min_ns + stream.exponential(jitter_mean_ns)).collect();
        draws.sort_unstable();
        assert!(draws[50_000].abs_diff(7_550_000) < 30_000, "{}", draws[50_000]);
        assert!(draws[90_000].abs_diff(9_600_000) < 60_000, "{}", draws[90_000]);
    }

    #[test]
    fn no_measured_pair_needs_the_clamp() {
        for line in ROUND_TRIPS.lines().filter(|line| !line.starts_with('#')).skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let (p50_ns, p90_ns) = (tenths_of_ms(fields[2]).unwrap(), tenths_of_ms(fields[3]).unwrap());
            assert!(p50_ns <= p90_ns);
            let DelayPlan::Exponential { min_ns, .. } = exponential(p50_ns / 2, p90_ns / 2) else { panic!() };
            assert!(min_ns > MIN_DELAY_NS, "{line}");
        }
    }
}
