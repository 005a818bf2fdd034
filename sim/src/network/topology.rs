//! Named topologies.
use crate::plan::DelayPlan;

/// The names that [`named`] knows.
pub const NAMES: &[&str] = &["lan", "gulf-5", "uniform-50-100ms"];

/// Regions and the delays between them.
pub struct Topology {
    /// Region names.
    pub regions: Vec<String>,
    /// `delays[from][to]`
    pub delays: Vec<Vec<DelayPlan>>,
}

/// Placeholder.
pub fn named(name: &str) -> Option<Topology> {
    let (regions, delay): (&[&str], _) = match name {
        "lan" => (&["lan"], DelayPlan::Exponential { min_ns: 100_000, jitter_mean_ns: 20_000 }),
        "gulf-5" => (
            &["riyadh", "dubai", "doha", "kuwait", "manama"],
            DelayPlan::Exponential { min_ns: 8_000_000, jitter_mean_ns: 500_000 },
        ),
        "uniform-50-100ms" => {
            (&["everywhere"], DelayPlan::Uniform { min_ns: 50_000_000, max_ns: 100_000_000 })
        }
        _ => return None,
    };
    let delays = vec![vec![delay; regions.len()]; regions.len()];
    Some(Topology { regions: regions.iter().map(|region| region.to_string()).collect(), delays })
}
