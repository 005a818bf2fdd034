//! National Early Warning Score 2: Royal College of Physicians, "National Early Warning Score (NEWS) 2", London 2017,
//! chart 1 (the scoring system) and chart 4 (thresholds and triggers).

use super::vitals::{Consciousness, Reading};
use ledger_core::ledger::transaction::{Advice, NEWS2_EMERGENCY, News2};

/// Of one set of vitals. With a `hypercapnic` patient SpO2 is on scale 2 (target 88 to 92 %), else on scale 1.
pub fn score(vitals: &Reading, oxygen: bool, hypercapnic: bool) -> News2 {
    let points = [
        respiration(vitals.respiration),
        if hypercapnic { saturation_2(vitals.saturation, oxygen) } else { saturation_1(vitals.saturation) },
        if oxygen { 2 } else { 0 },
        systolic(vitals.systolic),
        heart_rate(vitals.heart_rate),
        consciousness(vitals.consciousness),
        temperature(vitals.temperature),
    ];
    News2 { total: points.iter().sum(), single_three: points.contains(&3) }
}

/// What follows from a score, and from a model that may call for a clinician beside it.
pub fn advice(news2: News2, model_escalates: bool) -> Advice {
    if news2.total >= NEWS2_EMERGENCY {
        Advice::Emergency
    } else if news2.escalates() || model_escalates {
        Advice::Urgent
    } else {
        Advice::Watch
    }
}

fn respiration(a_minute: u16) -> u8 {
    match a_minute {
        0..=8 => 3,
        9..=11 => 1,
        12..=20 => 0,
        21..=24 => 2,
        25.. => 3,
    }
}

fn saturation_1(percent: u16) -> u8 {
    match percent {
        0..=91 => 3,
        92..=93 => 2,
        94..=95 => 1,
        96.. => 0,
    }
}

/// Above the target only on oxygen: on air it is what the patient reaches alone.
fn saturation_2(percent: u16, oxygen: bool) -> u8 {
    match (percent, oxygen) {
        (0..=83, _) => 3,
        (84..=85, _) => 2,
        (86..=87, _) => 1,
        (88..=92, _) | (93.., false) => 0,
        (93..=94, true) => 1,
        (95..=96, true) => 2,
        (97.., true) => 3,
    }
}

fn systolic(mmhg: u16) -> u8 {
    match mmhg {
        0..=90 => 3,
        91..=100 => 2,
        101..=110 => 1,
        111..=219 => 0,
        220.. => 3,
    }
}

fn heart_rate(a_minute: u16) -> u8 {
    match a_minute {
        0..=40 => 3,
        41..=50 => 1,
        51..=90 => 0,
        91..=110 => 1,
        111..=130 => 2,
        131.. => 3,
    }
}

fn consciousness(level: Consciousness) -> u8 {
    match level {
        Consciousness::Alert => 0,
        Consciousness::Confused
        | Consciousness::Voice
        | Consciousness::Pain
        | Consciousness::Unresponsive => 3,
    }
}

/// In tenths of a degree Celsius.
fn temperature(tenths: u16) -> u8 {
    match tenths {
        0..=350 => 3,
        351..=360 => 1,
        361..=380 => 0,
        381..=390 => 1,
        391.. => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// Written by `tests/oracle/news2.py` from another implementation, one line a parameter's whole range.
    const ORACLE: &str = include_str!("../../../tests/oracle/news2.txt");

    const WELL: Reading = Reading {
        heart_rate: 70,
        respiration: 16,
        saturation: 97,
        temperature: 370,
        systolic: 120,
        consciousness: Consciousness::Alert,
    };

    /// NEWS2 is a sum of one term for each parameter, so the whole lattice is covered by each parameter's range, and a
    /// few thousand combinations show that it is the sum.
    #[test]
    fn agrees_with_another_implementation() {
        let mut ours = String::new();
        let mut line = |name: &str, points: Vec<u8>| {
            let points: String = points.into_iter().map(|point| char::from(b'0' + point)).collect();
            writeln!(ours, "{name} {points}").unwrap();
        };
        line("respiration", (0..=80).map(respiration).collect());
        line("saturation 1", (50..=100).map(saturation_1).collect());
        line("saturation 2 air", (50..=100).map(|percent| saturation_2(percent, false)).collect());
        line("saturation 2 oxygen", (50..=100).map(|percent| saturation_2(percent, true)).collect());
        line("systolic", (30..=300).map(systolic).collect());
        line("heart rate", (10..=250).map(heart_rate).collect());
        line("temperature", (300..=430).map(temperature).collect());
        let levels = [
            Consciousness::Alert,
            Consciousness::Confused,
            Consciousness::Voice,
            Consciousness::Pain,
            Consciousness::Unresponsive,
        ];
        line("consciousness", levels.map(consciousness).to_vec());
        // Combinations, by a congruential generator that the script has too (Knuth's MMIX).
        let mut state = 1_u64;
        let mut draw = |low: u16, high: u16| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            low + ((state >> 33) % u64::from(high - low + 1)) as u16
        };
        for _ in 0..4_000 {
            let reading = Reading {
                heart_rate: draw(30, 160),
                respiration: draw(4, 40),
                saturation: draw(78, 100),
                temperature: draw(340, 410),
                systolic: draw(70, 240),
                consciousness: levels[usize::from(draw(0, 4))],
            };
            let (oxygen, hypercapnic) = (draw(0, 1) == 1, draw(0, 1) == 1);
            let News2 { total, single_three } = score(&reading, oxygen, hypercapnic);
            writeln!(ours, "{total} {}", u8::from(single_three)).unwrap();
        }
        assert_eq!(ours, ORACLE);
    }

    #[test]
    fn thresholds_of_chart_4() {
        let of = |total, single_three| advice(News2 { total, single_three }, false);
        assert_eq!((of(0, false), of(4, false)), (Advice::Watch, Advice::Watch));
        assert_eq!(
            (of(3, true), of(5, false), of(6, true)),
            (Advice::Urgent, Advice::Urgent, Advice::Urgent)
        );
        assert_eq!(of(7, false), Advice::Emergency);
        assert_eq!(advice(News2::default(), true), Advice::Urgent);
        assert_eq!(score(&WELL, false, false), News2::default());
    }
}
