//! What went wrong, in words for the table.

use super::units;
use crate::plan::{Direction, LinkFault};
use ledger_core::time::Duration;

/// Longest list of replicas, gateways or regions.
const LISTED_MAX: usize = 6;

pub(super) fn list(numbers: &[usize]) -> String {
    let shown: Vec<String> = numbers.iter().take(LISTED_MAX).map(usize::to_string).collect();
    let more = if numbers.len() > LISTED_MAX { ".." } else { "" };
    format!("{}{more}", shown.join(","))
}

/// Replicas, then gateways.
fn machines(replicas: &[usize], gateways: &[usize]) -> String {
    let of_gateways = || format!("gateways {}", list(gateways));
    match (replicas, gateways) {
        (_, []) => list(replicas),
        ([], _) => of_gateways(),
        _ => format!("{} and {}", list(replicas), of_gateways()),
    }
}

fn percent(ppb: u64) -> String {
    units::real(ppb as f64 / 1e7)
}

pub(super) fn link(link: &LinkFault) -> String {
    let ends = match link.between {
        Some([near, far]) => format!("between regions {near} and {far}"),
        None if link.regions.is_empty() => format!("of {}", list(&link.replicas)),
        None => format!("of regions {}", list(&link.regions)),
    };
    let way = match link.direction {
        Direction::In => " in",
        Direction::Out => " out",
        Direction::Both => "",
    };
    let mut worse =
        vec![format!("+{}", units::span(link.delay)), format!("{} % lost", percent(link.loss_ppb))];
    if link.duplication_ppb > 0 {
        worse.push(format!("{} % twice", percent(link.duplication_ppb)));
    }
    if link.reordering_ppb > 0 {
        worse.push(format!("{} % held back", percent(link.reordering_ppb)));
    }
    worse.extend(link.bandwidth_bits_per_s.map(|bits| format!("{} Mbit/s", units::real(bits as f64 / 1e6))));
    format!("links {ends}{way} {}", worse.join(", "))
}

pub(super) fn clock(replicas: &[usize], gateways: &[usize], skew_ns: i64, drift_ppb: i64) -> String {
    let skew = units::span(Duration::from_nanos(skew_ns.unsigned_abs()));
    let skew = match skew_ns {
        0 => String::new(),
        1.. => format!(" {skew} ahead"),
        _ => format!(" {skew} behind"),
    };
    let drift = match drift_ppb {
        0 => String::new(),
        _ => format!(" drifting {} ppm", units::real(drift_ppb as f64 / 1e3)),
    };
    format!("clock of {}{skew}{drift}", machines(replicas, gateways))
}

pub(super) fn churn(gateways: &[usize], period: Duration, away: Duration) -> String {
    format!("churn of gateways {}, away {} of {}", list(gateways), units::span(away), units::span(period))
}
