//! A host's network card: what leaves queues behind what left before, what arrives shares the time in which it does.

use super::{LANES, Lane};
use crate::network::rate::Rate;

/// A message that has left the card.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Sent {
    /// When its first byte left.
    pub start_ns: u64,
    /// When its last byte left.
    pub end_ns: u64,
    /// At the card's bandwidth.
    pub took_ns: u64,
}

/// The way out: a busy-until clock per lane.
///
/// A message starts when its own lane and all higher ones are done; it does not wait for lower ones, which are pushed
/// back by as much if they are busy. That is strict priority with packets so small that nobody waits for one, except
/// that a message of a lower lane which was already given its time keeps it.
#[derive(Debug)]
pub(in crate::network) struct Egress {
    rate: Rate,
    busy_until_ns: [u64; LANES],
}

impl Egress {
    pub fn new(bandwidth_bits_per_s: u64) -> Self {
        Self { rate: Rate::new(bandwidth_bits_per_s), busy_until_ns: [0; LANES] }
    }

    pub fn bandwidth_bits_per_s(&self) -> u64 {
        self.rate.bandwidth_bits_per_s()
    }

    /// How long what comes at `now_ns` waits for its own lane and all higher ones.
    pub fn backlog_ns(&self, now_ns: u64, lane: Lane) -> u64 {
        let until_ns =
            self.busy_until_ns[..=lane as usize].iter().fold(now_ns, |latest, until| latest.max(*until));
        until_ns - now_ns
    }

    #[inline]
    pub fn send(&mut self, now_ns: u64, lane: Lane, bytes: u64) -> Sent {
        let took_ns = self.rate.time_ns(bytes);
        let lane = lane as usize;
        let start_ns = self.busy_until_ns[..=lane].iter().fold(now_ns, |latest, until| latest.max(*until));
        let end_ns = start_ns.saturating_add(took_ns);
        self.busy_until_ns[lane] = end_ns;
        for until in &mut self.busy_until_ns[lane + 1..] {
            if *until > now_ns {
                *until = until.saturating_add(took_ns);
            }
        }
        Sent { start_ns, end_ns, took_ns }
    }
}

/// Width of a slot: 2^20 ns, about a millisecond.
const SLOT_BITS: u32 = 20;
const SLOT_NS: u64 = 1 << SLOT_BITS;
/// Slots that a card looks ahead, about 268 ms. What is in flight for longer is not booked; a backlog that is longer
/// is a plain queue.
const SLOTS: usize = 256;

/// The way in: the card's time, a millisecond a slot, booked by what arrives in it.
///
/// Messages are booked in the order in which they are sent, which is not the order in which they arrive; slots let a
/// near message pass a far one that was booked before. A message takes the time that its own and higher lanes left in
/// its slot, then in the following ones; within a slot, what is booked counts as if it came at the slot's start.
#[derive(Debug)]
pub(super) struct Ingress {
    rate: Rate,
    /// Empty until the first message.
    slots: Vec<Slot>,
    /// End of the backlog beyond the slots, of this lane and all higher ones.
    backlog_until_ns: [u64; LANES],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which millisecond since genesis, cut to 32 bits (50 days).
    number: u32,
    /// Booked by this lane and all higher ones.
    used_ns: [u32; LANES],
}

impl Ingress {
    pub fn new(bandwidth_bits_per_s: u64) -> Self {
        Self { rate: Rate::new(bandwidth_bits_per_s), slots: Vec::new(), backlog_until_ns: [0; LANES] }
    }

    /// When a message is in whose last byte is here at `arrival_ns` and which took `sender_ns` to leave.
    #[inline]
    pub fn receive(&mut self, now_ns: u64, arrival_ns: u64, sender_ns: u64, lane: Lane, bytes: u64) -> u64 {
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); SLOTS];
        }
        let takes_ns = self.rate.time_ns(bytes);
        let first_byte_ns = arrival_ns.saturating_sub(sender_ns);
        let unhindered_ns = arrival_ns.max(first_byte_ns.saturating_add(takes_ns));
        if self.backlog_until_ns[lane as usize] > first_byte_ns {
            return unhindered_ns.max(self.queue(first_byte_ns, takes_ns, lane));
        }
        let horizon = (now_ns >> SLOT_BITS) + SLOTS as u64;
        let (mut left_ns, mut end_ns) = (takes_ns, unhindered_ns);
        let mut number = first_byte_ns >> SLOT_BITS;
        if number >= horizon {
            return unhindered_ns;
        }
        while left_ns > 0 {
            if number == horizon {
                return unhindered_ns.max(self.queue(horizon << SLOT_BITS, left_ns, lane));
            }
            let slot = &mut self.slots[number as usize % SLOTS];
            if slot.number != number as u32 {
                *slot = Slot { number: number as u32, used_ns: [0; LANES] };
            }
            let free_ns = SLOT_NS.saturating_sub(u64::from(slot.used_ns[lane as usize]));
            let booked_ns = left_ns.min(free_ns);
            for used_ns in &mut slot.used_ns[lane as usize..] {
                *used_ns = used_ns.saturating_add(booked_ns as u32);
            }
            if booked_ns > 0 {
                end_ns = end_ns.max((number << SLOT_BITS) + u64::from(slot.used_ns[lane as usize]));
            }
            left_ns -= booked_ns;
            number += 1;
        }
        end_ns
    }

    /// Appends to the backlog that starts no sooner than `from_ns`: when it is done.
    fn queue(&mut self, from_ns: u64, takes_ns: u64, lane: Lane) -> u64 {
        let done_ns = self.backlog_until_ns[lane as usize].max(from_ns).saturating_add(takes_ns);
        for until_ns in &mut self.backlog_until_ns[lane as usize..] {
            *until_ns = done_ns.max(*until_ns);
        }
        done_ns
    }
}
