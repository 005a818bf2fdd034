//! What is asked for, and what is there to be had.

use super::super::catch_up::REACH_PAUSE;
use super::*;

const NOW: Timestamp = Timestamp(1_000_000_000);

/// A question for blocks by a replica that has committed so much.
pub(super) fn asking_for(wanted: &[BlockRef], committed: u64, reach: u16) -> ProtocolMessage {
    ProtocolMessage::Fetch(Fetch { wanted: List::new(wanted.to_vec()).unwrap(), committed, reach })
}

/// Blocks that a machine answers with.
fn answer(machine: &mut Mysticeti, question: ProtocolMessage) -> Vec<Arc<Block>> {
    answer_at(machine, NOW, question)
}

fn answer_at(machine: &mut Mysticeti, now: Timestamp, question: ProtocolMessage) -> Vec<Arc<Block>> {
    while machine.poll_action().is_some() {}
    machine.handle_message(now, ReplicaId(0), question);
    let committee = machine.committee.clone();
    let blocks = std::iter::from_fn(|| machine.poll_action()).find_map(|action| match action {
        Action::Send(_, ProtocolMessage::Blocks(blocks)) => Some(blocks),
        _ => None,
    });
    let verify = |bytes: &Blob<{ crate::block::BLOCK_BYTES_MAX }>| {
        Arc::new(Block::verify(&committee, bytes.bytes(), &mut crate::crypto::BatchVerifier).unwrap())
    };
    blocks.iter().flat_map(|blocks| blocks.iter()).map(verify).collect()
}

/// D signs a second chain of blocks and shows it to C alone, whose next block names its end. Whoever has to fetch the chain
/// needs a few questions for it, not one a block, and waits once.
#[test]
fn a_hidden_chain_is_fetched_in_few_questions() {
    const ROUNDS: u64 = 90;
    let mut drawing = Drawing::new(4);
    for round in 1..=ROUNDS {
        for name in ["A", "B", "C", "D"] {
            drawing.add(round, name, "ABCD");
        }
        drawing.add(round, "D'", if round == 1 { "ABCD" } else { "ABCD'" });
    }
    drawing.add(ROUNDS + 1, "C", "ABCD'");
    let last = drawing.blocks.pop().unwrap();
    let hidden: Vec<_> =
        drawing.named.iter().filter(|((_, name), _)| name == "D'").map(|(_, at)| *at).collect();
    let mut knowing = machine(&drawing, &tuning());
    let mut asking = machine(&drawing, &tuning());
    let take = |machine: &mut Mysticeti, block: &Arc<Block>| {
        machine.handle_block(NOW, block.author(), block.clone());
    };
    for block in &drawing.blocks {
        take(&mut knowing, block);
        if !hidden.contains(&block.reference()) {
            take(&mut asking, block);
        }
    }
    take(&mut knowing, &last);
    while asking.poll_action().is_some() {}
    take(&mut asking, &last);
    assert!(!asking.dag.contains(&last.reference()));
    let mut questions = 0u32;
    // The block may be on its way, so that the first question waits; the others do not.
    asking.handle_timeout(asking.suspended.next_look().unwrap());
    while !asking.dag.contains(&last.reference()) {
        let asked = std::iter::from_fn(|| asking.poll_action()).find_map(|action| match action {
            Action::Send(_, question @ ProtocolMessage::Fetch(_)) => Some(question),
            _ => None,
        });
        let asked = asked.expect("it asks without waiting for a timer");
        let blocks = answer_at(&mut knowing, NOW + REACH_PAUSE * questions, asked);
        questions += 1;
        for block in &blocks {
            asking.handle_block(NOW, last.author(), block.clone());
        }
        asking.handle_message(NOW, last.author(), ProtocolMessage::Blocks(List::default()));
    }
    assert!(questions <= 7, "{questions} questions for {ROUNDS} blocks");
    assert_eq!((asking.suspended.len(), asking.suspended.missing().len()), (0, 0));
    // A single block that was lost on its way is fetched by itself.
    let top = drawing.named[&(ROUNDS, "A".to_string())];
    assert_eq!(answer(&mut knowing, asking_for(&[top], 0, 0)).len(), 1);
}

/// D's block of round 3 comes late, and others build on it. Who has committed further needs it no longer, and those who have
/// not must still be able to have it: they wait for it before they take anything that names it.
#[test]
fn what_fell_out_of_the_window_is_served_a_while() {
    let mut drawing = Drawing::parse("1: A B C D\n2: A B C D\n3: A B C");
    drawing.add(3, "D", "ABCD");
    let late = drawing.blocks.pop().unwrap();
    let depth = 10;
    for round in 4..=40 {
        for name in ["A", "B", "C"] {
            drawing.add(round, name, "ABC");
        }
    }
    let mut machine = machine(&drawing, &Tuning { gc_depth: depth, ..tuning() });
    let mut served = BTreeMap::new();
    for block in &drawing.blocks {
        machine.handle_block(NOW, block.author(), block.clone());
        if block.round() == Round(6) && !machine.dag.contains(&late.reference()) {
            machine.handle_block(NOW, late.author(), late.clone());
        }
        let blocks = answer(&mut machine, asking_for(&[late.reference()], 0, 0));
        served.insert(machine.dag.floor().0, !blocks.is_empty());
    }
    assert!(machine.dag.floor() > Round(3 + depth + 5));
    // By floor: from the one at which it came until a window after it fell out.
    let (short, long): (Vec<u64>, Vec<u64>) = served.keys().partition(|floor| **floor <= 3 + depth);
    assert!(short.len() > 3 && short.iter().any(|floor| *floor > 3 + depth / 2), "{served:?}");
    assert!(short.iter().all(|floor| served[floor]), "{served:?}");
    assert!(long.len() > 3 && long.iter().all(|floor| !served[floor]), "not for ever: {served:?}");
    // What everybody has committed long ago is not kept.
    let old = machine.dag.floor().before(2);
    let common = drawing.named[&(old.0, "A".to_string())];
    assert!(answer(&mut machine, asking_for(&[common], 0, 0)).is_empty());
}

/// Of what a question may reach, the answer leaves out what the asker has committed.
#[test]
fn an_answer_leaves_out_what_the_asker_has() {
    let text: String = (1..=12).map(|round| format!("{round}: A B C D\n")).collect();
    let drawing = Drawing::parse(&text);
    let mut machine = machine(&drawing, &tuning());
    for block in &drawing.blocks {
        machine.handle_block(NOW, block.author(), block.clone());
    }
    let top = drawing.named[&(12, "A".to_string())];
    let committed = machine.last_commit();
    let lowest = |blocks: &[Arc<Block>]| blocks.iter().map(|block| block.round().0).min().unwrap();
    let all = answer(&mut machine, asking_for(&[top], 0, u16::MAX));
    assert_eq!((all.len(), lowest(&all)), (4 * 11 + 1, 1));
    assert!(all.windows(2).all(|two| two[0].round() >= two[1].round()), "newest first");
    let some = answer_at(&mut machine, NOW + REACH_PAUSE, asking_for(&[top], committed, u16::MAX));
    assert!(lowest(&some) > 8 && some.len() < 4 * 4, "{} blocks from round {} on", some.len(), lowest(&some));
    let near = answer_at(&mut machine, NOW + REACH_PAUSE * 2, asking_for(&[top], 0, 1));
    assert_eq!((near.len(), lowest(&near)), (5, 11));
}

/// A question of sixty bytes is worth megabytes once in a while, not as often as it is asked.
#[test]
fn what_nobody_named_is_given_once_in_a_while() {
    let text: String = (1..=12).map(|round| format!("{round}: A B C D\n")).collect();
    let drawing = Drawing::parse(&text);
    let mut machine = machine(&drawing, &tuning());
    for block in &drawing.blocks {
        machine.handle_block(NOW, block.author(), block.clone());
    }
    let top = drawing.named[&(12, "A".to_string())];
    let sizes: Vec<usize> = (0..4)
        .map(|number| {
            answer_at(&mut machine, NOW + REACH_PAUSE / 2 * number, asking_for(&[top], 0, u16::MAX)).len()
        })
        .collect();
    assert_eq!(sizes, [45, 1, 45, 1]);
}

/// What an answer made missing is asked for deeper; what is missing besides, alone.
#[test]
fn only_what_lies_below_what_was_asked_for_is_asked_for_with_more() {
    let mut drawing = Drawing::new(4);
    for round in 1..=6 {
        for name in ["A", "B", "C", "D"] {
            drawing.add(round, name, "ABCD");
        }
    }
    let mut asking = machine(&drawing, &tuning());
    let block = |round: u64, name: &str| {
        let at = drawing.named[&(round, name.to_string())];
        drawing.blocks.iter().find(|block| block.reference() == at).unwrap().clone()
    };
    let asked = |machine: &mut Mysticeti| -> Vec<(BlockRef, u16)> {
        let fetches = std::iter::from_fn(|| machine.poll_action()).filter_map(|action| match action {
            Action::Send(_, ProtocolMessage::Fetch(fetch)) => Some(fetch),
            _ => None,
        });
        fetches
            .flat_map(|fetch| fetch.wanted.iter().map(|wanted| (*wanted, fetch.reach)).collect::<Vec<_>>())
            .collect()
    };
    asking.handle_block(NOW, ReplicaId(0), block(6, "A"));
    asking.handle_timeout(asking.suspended.next_look().unwrap());
    let first = asked(&mut asking);
    assert!(
        first.len() == 4 && first.iter().all(|(at, reach)| at.round == Round(5) && *reach == 0),
        "{first:?}"
    );
    // An empty answer costs nothing and says nothing.
    asking.handle_message(NOW, ReplicaId(1), ProtocolMessage::Blocks(List::default()));
    assert_eq!(asked(&mut asking), []);
    asking.handle_block(NOW, ReplicaId(0), block(5, "A"));
    asking.handle_message(NOW, ReplicaId(0), ProtocolMessage::Blocks(List::default()));
    let second = asked(&mut asking);
    assert!(
        second.len() == 4 && second.iter().all(|(at, reach)| at.round == Round(4) && *reach == 1),
        "{second:?}"
    );
}
