//! Links that faults make worse: delay, loss, duplication, reordering and bandwidth beyond what the plan's paths have.
//!
//! What a narrow link carries passes a pipe of that bandwidth: higher lanes first where messages are carried whole, first
//! come, first served where packets are. What finds it too full is lost.
//!
//! Invariant: what is drawn here comes from streams of its own, by pair, so that paths draw what they draw without faults,
//! and where no fault is in force nothing is drawn.

use super::HostId;
use super::link::PACKET_BYTES;
use super::link::nic::Egress;
use super::pairs::Pairs;
use super::rate::Rate;
use crate::seed::{Seed, Stream};
use ledger_core::seam::Lane;
use std::collections::BTreeMap;

const BILLION: u64 = 1_000_000_000;
/// A message arrives after so many rounds of retransmission even if packets are still missing.
const ROUNDS_MAX: u32 = 16;

/// What a link adds to each packet's way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impairment {
    /// Packets lost, in parts per billion.
    pub loss_ppb: u64,
    /// To each packet's way.
    pub delay_ns: u64,
    /// Packets that arrive twice, in parts per billion.
    pub duplication_ppb: u64,
    /// Packets that are held back while later ones pass, in parts per billion.
    pub reordering_ppb: u64,
}

impl Impairment {
    /// Both one after the other.
    pub fn and(self, other: Self) -> Self {
        let either = |one: u64, other: u64| {
            let spared = |ppb: u64| u128::from(BILLION - ppb.min(BILLION));
            BILLION - (spared(one) * spared(other) / u128::from(BILLION)) as u64
        };
        Self {
            loss_ppb: either(self.loss_ppb, other.loss_ppb),
            delay_ns: self.delay_ns.saturating_add(other.delay_ns),
            duplication_ppb: either(self.duplication_ppb, other.duplication_ppb),
            reordering_ppb: either(self.reordering_ppb, other.reordering_ppb),
        }
    }
}

/// Whose a narrow link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// Each sender has its own.
    BySender,
    /// Each receiver has its own.
    ByReceiver,
    /// All go through one.
    ByAll,
}

/// Links from some hosts to others that are worse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorseLinks {
    /// Senders, by host.
    pub from: Vec<bool>,
    /// Receivers, by host.
    pub to: Vec<bool>,
    /// What they add.
    pub adds: Impairment,
    /// In bits a second, and whose that is.
    pub bandwidth: Option<(u64, Shared)>,
    /// When they are healed. What is sent again later than that is sent over links as the plan has them.
    pub until_ns: u64,
}

/// How much may wait in front of a narrow link.
#[derive(Clone, Copy, Debug)]
pub(super) enum Room {
    /// Bytes.
    Bytes(u64),
    /// What takes so long to leave.
    Nanos(u64),
}

/// Why a packet does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    Lost,
    Overflowed,
}

/// How a packet crosses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Crossed {
    /// So much later.
    pub later_ns: u64,
    /// For so long later ones pass it.
    pub held_ns: Option<u64>,
}

/// How a message crosses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    /// So much later.
    pub later_ns: u64,
    /// Packets that were lost on the way and sent again.
    pub lost: u64,
    /// Packets that arrive twice.
    pub duplicated: u64,
}

/// A message on its way into worse links.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub lane: Lane,
    pub bytes: u64,
    pub packets: u64,
    /// When it has left the sender's card.
    pub left_ns: u64,
    /// The path's least delay.
    pub least_ns: u64,
}

/// Those in force.
struct Active {
    fault: usize,
    links: WorseLinks,
    pipes: BTreeMap<u32, Egress>,
}

/// Of all hosts.
pub(super) struct Impairments {
    active: Vec<Active>,
    streams: Pairs<Stream>,
    seed: Seed,
    room: Room,
}

impl Impairments {
    pub fn new(hosts: usize, room: Room, seed: &Seed) -> Self {
        Self { active: Vec::new(), streams: Pairs::new(hosts), seed: seed.clone(), room }
    }

    /// A fault is in force from now on.
    pub fn begin(&mut self, fault: usize, links: Vec<WorseLinks>) {
        self.active.extend(links.into_iter().map(|links| Active { fault, links, pipes: BTreeMap::new() }));
    }

    /// No longer.
    pub fn end(&mut self, fault: usize) {
        self.active.retain(|active| active.fault != fault);
    }

    /// Of what is sent at `at_ns`.
    fn between(&self, from: HostId, to: HostId, at_ns: u64) -> Option<Impairment> {
        if self.active.is_empty() {
            return None;
        }
        let in_force = |active: &&Active| active.links.until_ns > at_ns && active.links.connect(from, to);
        let worse = self.active.iter().filter(in_force);
        let all = worse.fold(Impairment::default(), |all, active| all.and(active.links.adds));
        (all != Impairment::default()).then_some(all)
    }

    /// Whether a packet sent at `at_ns` arrives twice.
    pub fn duplicates(&mut self, from: HostId, to: HostId, at_ns: u64) -> bool {
        let share = self.between(from, to, at_ns).map_or(0, |worse| worse.duplication_ppb);
        share > 0 && self.stream(from, to).chance(share, BILLION)
    }

    /// What becomes of one packet that leaves its card at `left_ns`, on a path with such a least delay.
    pub fn packet(
        &mut self,
        (from, to): (HostId, HostId),
        bytes: u64,
        (left_ns, least_ns): (u64, u64),
    ) -> Result<Crossed, Gone> {
        if self.active.is_empty() {
            return Ok(Crossed::default());
        }
        let worse = self.between(from, to, left_ns).unwrap_or_default();
        if worse.loss_ppb > 0 && self.stream(from, to).chance(worse.loss_ppb, BILLION) {
            return Err(Gone::Lost);
        }
        let held = worse.reordering_ppb > 0 && self.stream(from, to).chance(worse.reordering_ppb, BILLION);
        let held_ns = held.then(|| self.stream(from, to).below(least_ns.max(1)));
        let waited_ns = self.pass((from, to), Lane::Consensus, bytes, left_ns).ok_or(Gone::Overflowed)?;
        Ok(Crossed { later_ns: worse.delay_ns.saturating_add(waited_ns), held_ns })
    }

    /// What becomes of a message; `None` if there is no room for it. A round of retransmission takes a round trip,
    /// `round_trip_ns` and what is added.
    pub fn message(
        &mut self,
        (from, to): (HostId, HostId),
        load: Load,
        round_trip_ns: impl FnOnce() -> u64,
    ) -> Option<Carried> {
        if self.active.is_empty() {
            return Some(Carried::default());
        }
        let waited_ns = self.pass((from, to), load.lane, load.bytes, load.left_ns)?;
        let mut carried = Carried { later_ns: waited_ns, ..Carried::default() };
        let Some(worse) = self.between(from, to, load.left_ns) else { return Some(carried) };
        // What its last packet finds when it is sent for the last time.
        let mut last = worse;
        if worse.loss_ppb > 0 {
            let round_trip_ns = round_trip_ns();
            let mut flight = load.packets;
            for attempt in 0..ROUNDS_MAX {
                let loss_ppb = last.loss_ppb;
                let stream = self.stream(from, to);
                let lost = (0..flight).filter(|_| stream.chance(loss_ppb, BILLION)).count() as u64;
                if lost == 0 {
                    break;
                }
                carried.lost += lost;
                let sent_ns = load.left_ns.saturating_add(carried.later_ns);
                let back_ns = self.between(to, from, sent_ns).map_or(0, |back| back.delay_ns);
                let round_ns = round_trip_ns.saturating_add(last.delay_ns).saturating_add(back_ns);
                // A lone packet is missed by its timeout alone, which backs off.
                let wait_ns = if flight == 1 { round_ns.saturating_mul(1 << attempt) } else { round_ns };
                carried.later_ns = carried.later_ns.saturating_add(wait_ns);
                flight = lost;
                let again_ns = load.left_ns.saturating_add(carried.later_ns);
                last = self.between(from, to, again_ns).unwrap_or_default();
                if last.loss_ppb == 0 {
                    break;
                }
            }
        }
        carried.later_ns = carried.later_ns.saturating_add(last.delay_ns);
        let stream = self.stream(from, to);
        if worse.duplication_ppb > 0 {
            let twice = (0..load.packets).filter(|_| stream.chance(worse.duplication_ppb, BILLION));
            carried.duplicated = twice.count() as u64;
        }
        if worse.reordering_ppb > 0 {
            // A stream waits for the packet that is held back the longest.
            let held = (0..load.packets).filter(|_| stream.chance(worse.reordering_ppb, BILLION)).count();
            let longest_ns = (0..held).map(|_| stream.below(load.least_ns.max(1))).max();
            carried.later_ns = carried.later_ns.saturating_add(longest_ns.unwrap_or(0));
        }
        Some(carried)
    }

    /// Through every narrow link on the way: how long that takes; `None` if one of them is too full.
    fn pass(&mut self, pair: (HostId, HostId), lane: Lane, bytes: u64, left_ns: u64) -> Option<u64> {
        let mut at_ns = left_ns;
        for active in self.active.iter_mut().filter(|active| active.links.connect(pair.0, pair.1)) {
            let Some((bandwidth, shared)) = active.links.bandwidth else { continue };
            let pipe = match shared {
                Shared::BySender => pair.0.0,
                Shared::ByReceiver => pair.1.0,
                Shared::ByAll => 0,
            };
            let pipe = active.pipes.entry(pipe).or_insert_with(|| Egress::new(bandwidth));
            let room_ns = match self.room {
                Room::Bytes(room) => Rate::new(bandwidth).time_ns(room),
                Room::Nanos(room_ns) => room_ns,
            };
            if pipe.backlog_ns(at_ns, lane) > room_ns {
                return None;
            }
            at_ns = pipe.send(at_ns, lane, bytes).end_ns;
        }
        Some(at_ns - left_ns)
    }

    fn stream(&mut self, from: HostId, to: HostId) -> &mut Stream {
        let seed = &self.seed;
        self.streams.get(from, to, || seed.stream(&format!("network/impaired/{}/{}", from.0, to.0)))
    }
}

impl WorseLinks {
    fn connect(&self, from: HostId, to: HostId) -> bool {
        self.from[from.index()] && self.to[to.index()]
    }
}

impl Carried {
    /// Bytes that the receiver's card takes beside the message's.
    pub fn duplicated_bytes(&self) -> u64 {
        self.duplicated * PACKET_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn worse(adds: Impairment, bandwidth: Option<(u64, Shared)>) -> Impairments {
        let mut impairments = Impairments::new(3, Room::Nanos(1_000 * MS), &Seed::new(3));
        let (from, to) = (vec![true, false, false], vec![true; 3]);
        let links = WorseLinks { from, to, adds, bandwidth, until_ns: u64::MAX };
        impairments.begin(4, vec![links]);
        impairments
    }

    fn load(left_ns: u64, lane: Lane, bytes: u64) -> Load {
        Load { lane, bytes, packets: bytes.div_ceil(PACKET_BYTES).max(1), left_ns, least_ns: 10 * MS }
    }

    fn carry(impairments: &mut Impairments, from: u32, load: Load) -> Option<Carried> {
        impairments.message((HostId(from), HostId(2)), load, || 20 * MS)
    }

    #[test]
    fn shares_of_packets_arrive_twice_and_out_of_turn() {
        let adds =
            Impairment { duplication_ppb: BILLION / 5, reordering_ppb: BILLION / 10, ..Default::default() };
        let mut impairments = worse(adds, None);
        let pair = (HostId(0), HostId(1));
        let twice = (0..10_000).filter(|_| impairments.duplicates(pair.0, pair.1, 0)).count();
        assert!((1_800..2_200).contains(&twice), "{twice}");
        let crossed = (0..10_000).map(|_| impairments.packet(pair, 100, (0, 10 * MS)).unwrap());
        let held: Vec<u64> = crossed.filter_map(|crossed| crossed.held_ns).collect();
        assert!((850..1_150).contains(&held.len()), "{}", held.len());
        assert!(
            held.iter().all(|held_ns| *held_ns < 10 * MS) && held.iter().any(|held_ns| *held_ns > 8 * MS)
        );
        let carried = carry(&mut impairments, 0, load(0, Lane::Bulk, 1_000_000)).unwrap();
        assert!((130..210).contains(&carried.duplicated), "{carried:?}");
        assert!(
            (8 * MS..10 * MS).contains(&carried.later_ns),
            "of many that are held the longest counts: {carried:?}"
        );
        // The other way nothing is wrong, and once it is healed nothing at all.
        assert_eq!(carry(&mut impairments, 1, load(0, Lane::Bulk, 1_000_000)), Some(Carried::default()));
        impairments.end(4);
        assert_eq!(carry(&mut impairments, 0, load(0, Lane::Bulk, 1_000_000)), Some(Carried::default()));
    }

    #[test]
    fn a_narrow_link_takes_its_time_and_higher_lanes_pass() {
        let mut impairments = worse(Impairment::default(), Some((8_000_000, Shared::BySender)));
        // A megabyte a second: 100 ms each.
        let mut later = |left_ms: u64, lane: Lane| {
            carry(&mut impairments, 0, load(left_ms * MS, lane, 100_000)).map(|carried| carried.later_ns / MS)
        };
        assert_eq!((later(0, Lane::Bulk), later(0, Lane::Bulk)), (Some(100), Some(200)));
        assert_eq!(later(50, Lane::Consensus), Some(100), "it waits for no bulk");
        assert_eq!(later(100, Lane::Bulk), Some(300), "which waits for it");
        // Nine more fill a second; what comes then finds no room.
        let waits: Vec<_> = (0..12).map(|_| later(100, Lane::Bulk)).collect();
        assert_eq!((waits[7], waits[8], waits[11]), (Some(1_100), None, None));
        assert_eq!(later(2_000, Lane::Bulk), Some(100));
    }

    #[test]
    fn one_pipe_is_shared_or_each_has_its_own() {
        let pair = |from, to| (HostId(from), HostId(to));
        for (shared, same) in [(Shared::BySender, true), (Shared::ByReceiver, false), (Shared::ByAll, true)] {
            let mut impairments = worse(Impairment::default(), Some((8_000_000, shared)));
            let first = impairments.packet(pair(0, 1), 1_000, (0, MS)).unwrap();
            let second = impairments.packet(pair(0, 2), 1_000, (0, MS)).unwrap();
            assert_eq!((first.later_ns, second.later_ns), (MS, if same { 2 * MS } else { MS }), "{shared:?}");
        }
    }

    /// Nine of ten packets are lost for a second. What is sent in it arrives soon after it at the latest, not once all draws of
    /// retransmissions that would follow have come out well.
    #[test]
    fn losses_end_with_their_fault() {
        let mut impairments = Impairments::new(3, Room::Nanos(1_000 * MS), &Seed::new(3));
        let adds = Impairment { loss_ppb: BILLION / 10 * 9, delay_ns: 30 * MS, ..Default::default() };
        let (from, to) = (vec![true, false, false], vec![true; 3]);
        impairments.begin(4, vec![WorseLinks { from, to, adds, bandwidth: None, until_ns: 1_000 * MS }]);
        let (mut latest_ms, mut lost) = (0, 0);
        for left_ms in 0..1_000 {
            let carried = carry(&mut impairments, 0, load(left_ms * MS, Lane::Consensus, 300)).unwrap();
            latest_ms = latest_ms.max(left_ms + carried.later_ns / MS);
            lost += carried.lost;
        }
        // The wait that is running as the fault ends is a round trip longer than all before it together.
        assert!((1_500..=2_050).contains(&latest_ms), "{latest_ms} ms");
        assert!(lost > 2_000, "{lost}");
        assert_eq!(
            carry(&mut impairments, 0, load(1_000 * MS, Lane::Consensus, 300)),
            Some(Carried::default())
        );
    }

    #[test]
    fn what_two_faults_add_adds_up() {
        let one =
            Impairment { loss_ppb: BILLION / 2, delay_ns: 3, duplication_ppb: BILLION, reordering_ppb: 0 };
        let other = Impairment { loss_ppb: BILLION / 2, delay_ns: 4, duplication_ppb: 5, reordering_ppb: 7 };
        let both = Impairment {
            loss_ppb: BILLION / 4 * 3,
            delay_ns: 7,
            duplication_ppb: BILLION,
            reordering_ppb: 7,
        };
        assert_eq!(one.and(other), both);
    }
}
