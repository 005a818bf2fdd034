//! Whether calls that overlap have an order that their object could have had: Wing and Gong's search (1993), with Lowe's
//! memory of sets of calls that were tried in vain (2017).
//!
//! An order must respect time: a call that had returned before another was made comes first. A call of which no answer is
//! known may have its effect at any time after it was made, or never. A read that fits is placed at once: it changes
//! nothing, so whatever fits without it fits after it.
//!
//! What an object is must follow from the *set* of calls placed, whatever their order; the memory relies on it, and keeps
//! of each set 128 bits.
//!
//! Bound: [`search`] gives up after so many steps, and says so.

use ledger_core::time::Timestamp;
use std::collections::BTreeSet;

/// A sequential object, which answers as it must or not at all.
pub trait Object {
    /// What is called, and what was answered.
    type Act;
    /// What takes it back.
    type Undo;
    /// Carries it out, if that is what the object would answer now.
    fn apply(&mut self, act: &Self::Act) -> Option<Self::Undo>;
    /// Takes back what was carried out last.
    fn undo(&mut self, act: &Self::Act, undo: Self::Undo);
    /// Whether it changes nothing.
    fn is_read(act: &Self::Act) -> bool;
}

/// One call of one client.
#[derive(Clone, Debug)]
pub struct Call<A> {
    /// When it was made.
    pub invoked: Timestamp,
    /// When its answer was there; `None`: nobody knows what became of it.
    pub returned: Option<Timestamp>,
    /// Where to try it first: among the candidates, lower ones before higher ones.
    pub hint: u64,
    /// What.
    pub act: A,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is an order.
    Order,
    /// There is none. The longest beginning that was found has so many calls, and this call, by its place in the
    /// list, fits nowhere after it.
    None {
        /// Calls in it.
        placed: usize,
        /// Which has to come next.
        stuck: usize,
    },
    /// Not in so many steps.
    GaveUp,
}

struct Frame<U> {
    candidates: Vec<usize>,
    next: usize,
    placed: Option<(usize, U)>,
}

/// Looks for an order of calls, which are sorted by when they were made. Counts steps down from `steps`.
pub fn search<O: Object>(object: &mut O, calls: &[Call<O::Act>], steps: &mut u64) -> Found {
    debug_assert!(calls.is_sorted_by_key(|call| call.invoked));
    let wanted = calls.iter().filter(|call| call.returned.is_some()).count();
    let mut done = vec![false; calls.len()];
    let (mut placed, mut definite, mut first, mut set) = (0, 0, 0, 0u128);
    let mut tried: BTreeSet<u128> = BTreeSet::new();
    let (mut deepest, mut stuck) = (0, 0);
    let mut frames: Vec<Frame<O::Undo>> = Vec::new();
    let mut enter = true;
    loop {
        if definite == wanted {
            return Found::Order;
        }
        if enter {
            while done.get(first) == Some(&true) {
                first += 1;
            }
            let (mut candidates, horizon) = candidates(calls, &done, first);
            if frames.is_empty() || placed > deepest {
                (deepest, stuck) = (placed, horizon);
            }
            if let Some(read) = candidates.iter().copied().find(|index| {
                let call = &calls[*index];
                call.returned.is_some() && O::is_read(&call.act) && fits(object, &call.act)
            }) {
                candidates = vec![read];
            }
            frames.push(Frame { candidates, next: 0, placed: None });
            enter = false;
        }
        let Some(frame) = frames.last_mut() else { return Found::None { placed: deepest, stuck } };
        if let Some((index, undo)) = frame.placed.take() {
            object.undo(&calls[index].act, undo);
            done[index] = false;
            first = first.min(index);
            placed -= 1;
            definite -= usize::from(calls[index].returned.is_some());
            set ^= name(index);
        }
        let Some(index) = frame.candidates.get(frame.next).copied() else {
            frames.pop();
            continue;
        };
        frame.next += 1;
        if *steps == 0 {
            return Found::GaveUp;
        }
        *steps -= 1;
        let with = set ^ name(index);
        if tried.contains(&with) {
            continue;
        }
        let Some(undo) = object.apply(&calls[index].act) else { continue };
        tried.insert(with);
        frame.placed = Some((index, undo));
        done[index] = true;
        placed += 1;
        definite += usize::from(calls[index].returned.is_some());
        set = with;
        enter = true;
    }
}

/// Which may come next, and which of them has to be among the next: the one that returned first.
fn candidates<A>(calls: &[Call<A>], done: &[bool], first: usize) -> (Vec<usize>, usize) {
    let (mut horizon, mut due) = (Timestamp::MAX, first);
    let mut found = Vec::new();
    for (index, call) in calls.iter().enumerate().skip(first).filter(|(index, _)| !done[*index]) {
        if call.invoked > horizon {
            break;
        }
        if let Some(returned) = call.returned.filter(|returned| *returned < horizon) {
            (horizon, due) = (returned, index);
        }
        found.push(index);
    }
    found.retain(|index| calls[*index].invoked <= horizon);
    found.sort_by_key(|index| (calls[*index].returned.is_none(), calls[*index].hint, *index));
    (found, due)
}

fn fits<O: Object>(object: &mut O, act: &O::Act) -> bool {
    let undo = object.apply(act);
    let fits = undo.is_some();
    if let Some(undo) = undo {
        object.undo(act, undo);
    }
    fits
}

/// 128 bits that stand for a call in a set of calls (two rounds of SplitMix64).
fn name(index: usize) -> u128 {
    let mixed = |seed: u64| {
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let low = mixed(index as u64);
    u128::from(mixed(low ^ 0x5851_f42d_4c95_7f2d)) << 64 | u128::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    /// A grow-only set of numbers below 8, of which reads say all.
    #[derive(Default)]
    struct Bits(u8);

    #[derive(Clone, Copy, Debug)]
    enum Act {
        Add(u8),
        Read(u8),
    }

    impl Object for Bits {
        type Act = Act;
        type Undo = u8;

        fn apply(&mut self, act: &Act) -> Option<u8> {
            let before = self.0;
            match act {
                Act::Add(bit) => self.0 |= 1 << bit,
                Act::Read(seen) if *seen != self.0 => return None,
                Act::Read(_) => {}
            }
            Some(before)
        }

        fn undo(&mut self, _: &Act, before: u8) {
            self.0 = before;
        }

        fn is_read(act: &Act) -> bool {
            matches!(act, Act::Read(_))
        }
    }

    fn call(invoked: u64, returned: Option<u64>, act: Act) -> Call<Act> {
        Call { invoked: Timestamp(invoked), returned: returned.map(Timestamp), hint: 0, act }
    }

    fn found(calls: &[Call<Act>]) -> Found {
        search(&mut Bits::default(), calls, &mut 100_000)
    }

    #[test]
    fn reads_see_what_had_returned_and_perhaps_what_had_not() {
        let add = |bit, from, to| call(from, to, Act::Add(bit));
        let read = |seen, from, to| call(from, Some(to), Act::Read(seen));
        assert_eq!(found(&[add(0, 0, Some(5)), read(0, 1, 2), read(1, 3, 4)]), Found::Order);
        // Whoever has seen it has seen it.
        let back = [add(0, 0, Some(9)), read(1, 1, 2), read(0, 3, 4)];
        assert_eq!(found(&back), Found::None { placed: 2, stuck: 2 });
        // One that returned is seen.
        assert!(matches!(found(&[add(0, 0, Some(1)), read(0, 2, 3)]), Found::None { placed: 1, stuck: 1 }));
        // One without an answer may come late, or not at all.
        for seen in [0, 1] {
            assert_eq!(found(&[add(0, 0, None), read(0, 1, 2), read(seen, 3, 4)]), Found::Order);
        }
        assert_eq!(found(&[]), Found::Order);
    }

    #[test]
    fn a_search_that_is_too_long_is_given_up() {
        let mut calls: Vec<_> = (0..8).map(|bit| call(0, Some(100), Act::Add(bit))).collect();
        calls.push(call(101, Some(102), Act::Read(1)));
        assert_eq!(search(&mut Bits::default(), &calls, &mut 20), Found::GaveUp);
        assert!(matches!(found(&calls), Found::None { .. }));
    }

    /// Every order of every subset that has all definite calls, tried without any cleverness.
    fn exhaustive(calls: &[Call<Act>], left: &mut Vec<usize>, state: u8) -> bool {
        if left.iter().all(|index| calls[*index].returned.is_none()) {
            return true;
        }
        (0..left.len()).any(|place| {
            let index = left.remove(place);
            let early = |other: &usize| calls[*other].returned.is_some_and(|at| at < calls[index].invoked);
            let mut bits = Bits(state);
            let held = !left.iter().any(early)
                && bits.apply(&calls[index].act).is_some()
                && exhaustive(calls, left, bits.0);
            left.insert(place, index);
            held
        })
    }

    #[test]
    fn it_finds_what_trying_everything_finds() {
        let mut stream = Seed::new(3).stream("linearizability");
        let (mut orders, mut none) = (0, 0);
        for _ in 0..2_000 {
            let mut calls: Vec<Call<Act>> = (0..stream.uniform(1, 6))
                .map(|_| {
                    let invoked = stream.below(8);
                    let returned = stream.chance(5, 6).then(|| invoked + stream.below(6));
                    let bits = stream.below(8) as u8;
                    let act = if stream.chance(1, 2) { Act::Add(bits % 3) } else { Act::Read(bits) };
                    call(invoked, returned, act)
                })
                .collect();
            calls.sort_by_key(|call| call.invoked);
            let expected = exhaustive(&calls, &mut (0..calls.len()).collect(), 0);
            assert_eq!(found(&calls) == Found::Order, expected, "{calls:?}");
            *(if expected { &mut orders } else { &mut none }) += 1;
        }
        assert!(orders > 300 && none > 300, "{orders} with an order, {none} without");
    }
}
