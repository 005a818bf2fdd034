//! A message-sequence chart as SVG: a lane for each host, an arrow for each message, a box for what a core or a disk is busy
//! with, a mark for what happened. One file without references to others, in light and dark.
//!
//! Time runs down. Between two instants lies a distance that grows with the logarithm of the time between them, so that
//! microseconds on a host and milliseconds between hosts can be told apart; the axis says the times.

use ledger_core::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Most arrows and boxes that are drawn; the chart says how many are left out.
pub const DRAWN_MAX: usize = 400;

const LANE: u64 = 150;
const LEFT: u64 = 110;
const RIGHT: u64 = 90;
const TOP: u64 = 84;
const BOX: u64 = 12;
const LABEL_GAP: u64 = 13;

/// What happened between hosts.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// Above the chart; a line each.
    pub title: Vec<String>,
    /// Hosts, from left to right.
    pub lanes: Vec<String>,
    /// Messages.
    pub arrows: Vec<Arrow>,
    /// What cores and disks are busy with.
    pub activities: Vec<Activity>,
    /// What happened on one host.
    pub marks: Vec<Mark>,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Arrow {
    /// Lane of the sender.
    pub from: usize,
    /// Lane of the receiver.
    pub to: usize,
    /// When it left.
    pub sent: Timestamp,
    /// When it arrived; `None`: it did not.
    pub arrived: Option<Timestamp>,
    /// What it is.
    pub label: String,
}

/// What keeps a part of a host busy.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Whose.
    pub lane: usize,
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
    /// What it does.
    pub label: String,
    /// Whether it is the disk; else a core.
    pub disk: bool,
}

/// An instant on one host.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Whose.
    pub lane: usize,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub label: String,
}

/// Where each instant is drawn.
struct Axis(BTreeMap<u64, u64>);

impl Axis {
    fn new(instants: impl Iterator<Item = Timestamp>) -> Self {
        let mut places: BTreeMap<u64, u64> = instants.map(|at| (at.0, 0)).collect();
        let mut last: Option<(u64, u64)> = None;
        for (at, place) in &mut places {
            *place = last.map_or(TOP + 20, |(before, y)| {
                let micros = (at - before) / 1_000;
                y + 3 + 4 * u64::from(u64::BITS - micros.leading_zeros())
            });
            last = Some((*at, *place));
        }
        Self(places)
    }

    fn y(&self, at: Timestamp) -> u64 {
        self.0.get(&at.0).copied().unwrap_or(TOP)
    }

    fn end(&self) -> u64 {
        self.0.values().next_back().copied().unwrap_or(TOP) + 30
    }
}

impl Sequence {
    /// The chart.
    pub fn svg(&self) -> String {
        let arrows = &self.arrows[..self.arrows.len().min(DRAWN_MAX)];
        let activities = &self.activities[..self.activities.len().min(DRAWN_MAX)];
        let marks = &self.marks[..self.marks.len().min(DRAWN_MAX)];
        let instants = arrows.iter().flat_map(|arrow| std::iter::once(arrow.sent).chain(arrow.arrived));
        let instants = instants.chain(activities.iter().flat_map(|it| [it.from, it.to]));
        let axis = Axis::new(instants.chain(marks.iter().map(|mark| mark.at)));
        let left_out = [self.arrows.len() - arrows.len(), self.activities.len() - activities.len()];
        let left_out = left_out.iter().sum::<usize>() + self.marks.len() - marks.len();
        let (width, height) = (LEFT + LANE * self.lanes.len() as u64 + RIGHT, axis.end() + 40);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\">\n{STYLE}<rect class=\"back\" width=\"{width}\" height=\"{height}\"/>\n"
        );
        for (number, line) in self.title.iter().enumerate() {
            let class = if number == 0 { "title" } else { "note" };
            text(&mut svg, class, (14, 20 + 15 * number as u64), line);
        }
        for (lane, name) in self.lanes.iter().enumerate() {
            let x = centre(lane);
            let (top, bottom) = (TOP - 4, axis.end());
            let _ =
                writeln!(svg, "<line class=\"life\" x1=\"{x}\" y1=\"{top}\" x2=\"{x}\" y2=\"{bottom}\"/>");
            text(&mut svg, "lane", (x, TOP - 12), name);
        }
        times(&mut svg, &axis);
        for it in activities {
            activity(&mut svg, &axis, it);
        }
        self.draw_arrows(&mut svg, &axis, arrows);
        let mut free: BTreeMap<usize, u64> = BTreeMap::new();
        for mark in marks {
            let (x, y) = (centre(mark.lane), axis.y(mark.at));
            let _ = writeln!(svg, "<circle class=\"mark\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>");
            // Labels that would lie on each other move down.
            let place = free.entry(mark.lane).or_default();
            let at = y.max(*place);
            *place = at + LABEL_GAP;
            text(&mut svg, "marked", (x + 8, at + 4), &mark.label);
        }
        let legend = "boxes: cores (filled) and disks (hatched) · distances grow with the logarithm of time";
        let more = if left_out == 0 { String::new() } else { format!(" · {left_out} more are not drawn") };
        text(&mut svg, "note", (14, height - 14), &format!("{legend}{more}"));
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_arrows(&self, svg: &mut String, axis: &Axis, arrows: &[Arrow]) {
        let mut labelled: BTreeMap<(usize, Timestamp, &str), ()> = BTreeMap::new();
        // Of each lane and side: where there is room for a label.
        let mut free: BTreeMap<(usize, bool), u64> = BTreeMap::new();
        for arrow in arrows {
            let (from, to) = (centre(arrow.from), centre(arrow.to));
            let y = axis.y(arrow.sent);
            let (class, end) = match arrow.arrived {
                Some(arrived) => ("arrow", axis.y(arrived)),
                None => ("arrow lost", y + 16),
            };
            let head = if arrow.arrived.is_some() { " marker-end=\"url(#head)\"" } else { "" };
            let to = if arrow.arrived.is_some() { to } else { (from + to) / 2 };
            let _ = writeln!(
                svg,
                "<line class=\"{class}\" x1=\"{from}\" y1=\"{y}\" x2=\"{to}\" y2=\"{end}\"{head}><title>{}, {} to {}</title></line>",
                escape(&arrow.label),
                millis(arrow.sent),
                arrow.arrived.map_or("lost".to_owned(), millis),
            );
            // A broadcast is labelled once.
            if labelled.insert((arrow.from, arrow.sent, &arrow.label), ()).is_none() {
                let (x, anchor) = if to >= from { (from + 9, "says") } else { (from - 9, "says left") };
                let place = free.entry((arrow.from, to >= from)).or_default();
                let at = (y - 3).max(*place);
                *place = at + LABEL_GAP;
                text(svg, anchor, (x, at), &arrow.label);
            }
        }
    }
}

fn centre(lane: usize) -> u64 {
    LEFT + LANE / 2 + LANE * lane as u64
}

fn activity(svg: &mut String, axis: &Axis, it: &Activity) {
    let x = centre(it.lane);
    let (y, end) = (axis.y(it.from), axis.y(it.to));
    let (class, left) = if it.disk { ("disk", x) } else { ("core", x - BOX) };
    let height = (end - y).max(3);
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{left}\" y=\"{y}\" width=\"{BOX}\" height=\"{height}\"><title>{}, {} to \
         {}</title></rect>",
        escape(&it.label),
        millis(it.from),
        millis(it.to),
    );
    // Beside a disk's box stands the mark of what it writes: its label goes below.
    let (place, class) =
        if it.disk { ((x + BOX + 3, y + 19), "does") } else { ((x - BOX - 3, y + 9), "does left") };
    text(svg, class, place, &it.label);
}

/// The axis, where there is room for a time.
fn times(svg: &mut String, axis: &Axis) {
    let mut free = 0;
    for (at, y) in &axis.0 {
        if *y >= free {
            free = y + LABEL_GAP;
            text(svg, "time", (LEFT - 14, y + 4), &millis(Timestamp(*at)));
        }
    }
}

fn text(svg: &mut String, class: &str, (x, y): (u64, u64), words: &str) {
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(words));
}

fn millis(at: Timestamp) -> String {
    format!("{}.{:03} ms", at.0 / 1_000_000, at.0 / 1_000 % 1_000)
}

fn escape(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "<style>
svg { --back: #ffffff; --ink: #1d2733; --faint: #8a96a3; --life: #c9d1d9; --core: #4f8fd0; --disk: #c98a2b; --mark: #2a8f57; --lost: #c0392b }
@media (prefers-color-scheme: dark) {
  svg { --back: #12171d; --ink: #dde4ea; --faint: #7d8894; --life: #38424d; --core: #5b9fe6; --disk: #dba24a; --mark: #55c088; --lost: #ee6b5e }
}
text { font: 11px ui-sans-serif, system-ui, sans-serif; fill: var(--ink); paint-order: stroke; stroke: var(--back); stroke-width: 3px; stroke-linejoin: round }
.back { fill: var(--back) }
.title { font-size: 14px; font-weight: 600 }
.note, .time { fill: var(--faint) }
.time { text-anchor: end; font-variant-numeric: tabular-nums }
.lane { font-weight: 600; text-anchor: middle }
.life { stroke: var(--life); stroke-dasharray: 3 3 }
.arrow { stroke: var(--ink); stroke-width: 1.1 }
.lost { stroke: var(--lost); stroke-dasharray: 4 3 }
.core { fill: var(--core) }
.disk { fill: url(#hatch); stroke: var(--disk) }
.mark { fill: var(--mark) }
.marked { fill: var(--mark) }
.left { text-anchor: end }
.does { font-size: 10px; fill: var(--faint) }
.head { fill: var(--ink) }
.stripe { stroke: var(--disk); stroke-width: 2 }
</style>
<defs>
<marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"head\" d=\"M0 0 L8 4 L0 8 z\"/></marker>
<pattern id=\"hatch\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><line class=\"stripe\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"5\"/></pattern>
</defs>
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_says_what_it_is_told_and_no_more() {
        let at = Timestamp;
        let arrow = |sent, arrived| Arrow { from: 0, to: 1, sent: at(sent), arrived, label: "a<b".into() };
        let sequence = Sequence {
            title: vec!["T & co".into()],
            lanes: vec!["gateway 0".into(), "replica 1".into()],
            arrows: vec![arrow(0, Some(at(2_000_000))), arrow(1_000, None)],
            activities: vec![Activity {
                lane: 1,
                from: at(2_000_000),
                to: at(2_500_000),
                label: "sync".into(),
                disk: true,
            }],
            marks: vec![Mark { lane: 1, at: at(3_000_000), label: "commit 1".into() }],
        };
        let svg = sequence.svg();
        assert_eq!(svg.matches("marker-end").count(), 1, "what is lost has no head");
        assert!(svg.contains("T &amp; co") && svg.contains("a&lt;b") && !svg.contains("a<b"));
        assert!(
            svg.contains(">2.000 ms</text>") && svg.contains("class=\"disk\"") && !svg.contains("not drawn")
        );
        let many = Sequence { arrows: vec![arrow(0, Some(at(1))); DRAWN_MAX + 5], ..sequence };
        assert!(many.svg().contains("5 more are not drawn"));
    }

    #[test]
    fn later_is_lower_and_longer_is_further() {
        let axis = Axis::new([0, 10_000, 5_010_000].into_iter().map(Timestamp));
        let y = |at| axis.y(Timestamp(at));
        assert!(y(0) < y(10_000) && y(10_000) - y(0) < y(5_010_000) - y(10_000));
    }
}
