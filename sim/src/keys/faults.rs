//! `faults:`

use super::{
    Form, Key, NUMBERS, Quantity, SHARE, WORDS, count, default, duration, one_of, optional, required, share,
};

#[rustfmt::skip]
pub(super) static FAULTS: &[Key] = &[
    optional("at", Form::Quantity(Quantity::Duration, None), "20s", "When it strikes, from the end of the warm-up. Required, unless the fault has `when`; hostile machines without it are hostile from the very beginning."),
    optional("when", Form::Single(TRIGGERS), "{ commits: 100 }", "What it waits for, not before `at`; if that never comes to pass, it never strikes."),
    one_of("crash", Form::Map(CRASH), "{ replicas: [3], for: 15s }", "Processes die, at once or at a write; they restart from what their disks hold when the fault ends."),
    one_of("pause", Form::Map(PAUSE), "{ replicas: [3], for: 15s }", "Processes stand still and forget nothing; what comes waits."),
    one_of("partition", Form::Map(PARTITION), "{ groups: [[0, 1], rest], for: 5s }", "Replicas of different groups cannot reach each other. A gateway is with the group of its home replica."),
    one_of("one_way", Form::Map(ONE_WAY), "{ from: [0], to: [1, 2], for: 5s }", "What the ones send to the others is lost; the way back is open."),
    one_of("link", Form::Map(LINK), "{ replicas: [3], loss: 5%, delay: 100ms, for: 15s }", "What some links carry is later, lost or otherwise worse."),
    one_of("region_outage", Form::Map(OUTAGE), "{ regions: [me-south-1], for: 15s }", "All hosts of these regions, gateways included, reach nobody, not each other either."),
    one_of("churn", Form::Map(CHURN), "{ hospitals: [0, 1], period: 2s, away: 500ms, for: 20s }", "Gateways leave and come back, each once a period, and start anew from what their vaults hold."),
    one_of("clock", Form::Map(CLOCK), "{ replicas: [2], ahead: 200ms, drift: 50ppm, for: 15s }", "What machines take for the time is wrong, timers included. A clock that is set back stands still until it is right."),
    one_of("slow_cpu", Form::Map(SLOW), "{ replicas: [3], factor: 10, for: 15s }", "Everything that these hosts compute takes longer."),
    one_of("slow_disk", Form::Map(SLOW), "{ replicas: [3], factor: 10, for: 15s }", "Appends, syncs and reads take longer."),
    one_of("stalled_disk", Form::Map(PAUSE), "{ replicas: [3], for: 5s }", "Nothing that a disk is asked for completes until this has healed."),
    one_of("disk_full", Form::Map(PAUSE), "{ replicas: [3], for: 5s }", "Writes fail for want of space until this has healed; submissions are answered with `Busy`."),
    one_of("bit_rot", Form::Map(ROT), "{ replicas: [3], bits: 8 }", "Bits of the journal flip where it lies. The next start notices."),
    one_of("ransomware", Form::Map(RANSOMWARE), "{ hospitals: [0], for: 15s }", "A hospital's gateway is gone, its vault wiped and its secret lost. When the fault ends, a new gateway with a new secret takes its place, which holds nothing."),
    one_of("byzantine", Form::Map(BYZANTINE), "{ replicas: [3], behaviour: equivocate }", "Replicas do what no correct one does."),
    one_of("hostile_gateway", Form::Map(HOSTILE), "{ gateways: [0], behaviour: bad_signatures, rate: 50/s }", "Gateways send what no correct one sends, beside their normal work."),
];

#[rustfmt::skip]
const TIMES: Form = count("1", "any whole number");

#[rustfmt::skip]
static TRIGGERS: &[Key] = &[
    one_of("commits", TIMES, "100", "Some replica has executed so many commits."),
    one_of("round", TIMES, "50", "Some replica has proposed in this round."),
    one_of("leader_changes", TIMES, "3", "The leader schedule was drawn anew so often, as some correct replica has seen."),
];

#[rustfmt::skip]
const FOR: Key = optional("for", duration("1ns", "366d"), "15s", "For how long; without it, to the end of the run.");
#[rustfmt::skip]
const REPLICAS: Key = required("replicas", NUMBERS, "[3]", "Which replicas, by their numbers from 0.");
#[rustfmt::skip]
const GATEWAYS: Key = one_of("gateways", NUMBERS, "[0]", "Which gateways, by their numbers in the order of the population, from 0.");
#[rustfmt::skip]
const HOSPITALS: Key = one_of("hospitals", NUMBERS, "[0]", "Which hospitals, by their numbers from 0; they are the first gateways.");

#[rustfmt::skip]
static CRASH: &[Key] = &[
    one_of("replicas", NUMBERS, "[3]", "Which replicas, by their numbers from 0."),
    GATEWAYS,
    HOSPITALS,
    FOR,
    default("disk", Form::Choice(&[
        ("kept", "all that was written: the process alone died"),
        ("lost", "what was synced: the host lost its power"),
        ("torn", "what was synced, and of the rest what a disk may have had time for"),
        ("wiped", "nothing: the replica restarts with an empty disk"),
    ]), "lost", "What replicas find on their disks when they start again."),
    optional("persist", Form::Choice(&[("before", "just before it is written"), ("after", "when it is durable, and what waits for it is not done")]), "after", "It dies at a write, not at once; of one replica."),
    optional("skip", count("0", "1000000"), "3", "With `persist`: so many writes go well first, and again after each restart."),
    optional("times", count("1", "1000000"), "2", "With `persist`: it dies so often."),
];

#[rustfmt::skip]
static PAUSE: &[Key] = &[REPLICAS, FOR];

#[rustfmt::skip]
static PARTITION: &[Key] = &[
    one_of("groups", Form::List(&Form::Either(&[NUMBERS, Form::Choice(&[("rest", "all that are in no other group")])])), "[[0, 1], rest]", "Who is with whom: at least two groups that cover all replicas but those of the bridge."),
    one_of("isolate", Form::Choice(&[("leader", "the first leader of the round in the making")]), "leader", "Instead of groups: cut one replica off from all other hosts, gateways included."),
    optional("bridge", NUMBERS, "[2]", "Replicas that reach every group, and that every group reaches."),
    optional("period", duration("1ms", "366d"), "2s", "With groups: they are apart in the first half of each period. With `isolate`: the leader is looked for anew so often."),
    FOR,
];

#[rustfmt::skip]
static ONE_WAY: &[Key] = &[
    required("from", NUMBERS, "[0]", "Replicas that send."),
    required("to", NUMBERS, "[1, 2]", "Replicas that do not receive it."),
    FOR,
];

#[rustfmt::skip]
static LINK: &[Key] = &[
    one_of("replicas", NUMBERS, "[3]", "What these replicas send and receive, also with gateways."),
    one_of("regions", WORDS, "[me-south-1]", "What all hosts of these regions send and receive."),
    one_of("between", WORDS, "[me-central-1, eu-south-1]", "What crosses between these two regions."),
    default("direction", Form::Choice(&[("in", "what they receive"), ("out", "what they send"), ("both", "all")]), "both", "Which way, as seen from them."),
    optional("loss", share("90%"), "5%", "Packets lost."),
    optional("delay", duration("0s", "60s"), "100ms", "Added to every packet's way."),
    optional("bandwidth", Form::Quantity(Quantity::BitsPerSecond, Some(("1kbit/s", "1Tbit/s"))), "10Mbit/s", "What is left of it: of each host's link, each way; between regions, of all that crosses."),
    optional("duplication", share("100%"), "1%", "Packets that arrive twice."),
    optional("reordering", share("100%"), "1%", "Packets that are held back while later ones pass."),
    FOR,
];

#[rustfmt::skip]
static OUTAGE: &[Key] = &[required("regions", WORDS, "[me-south-1]", "Which regions of the topology."), FOR];

#[rustfmt::skip]
static CHURN: &[Key] = &[
    GATEWAYS,
    HOSPITALS,
    required("period", duration("1ms", "366d"), "2s", "Each leaves once in it, one after the other."),
    required("away", duration("1ms", "366d"), "500ms", "How long each is gone; less than `period`."),
    FOR,
];

#[rustfmt::skip]
static CLOCK: &[Key] = &[
    one_of("replicas", NUMBERS, "[2]", "Which replicas, by their numbers from 0."),
    GATEWAYS,
    HOSPITALS,
    optional("ahead", duration("1ns", "24h"), "200ms", "It is fast by this."),
    optional("behind", duration("1ns", "24h"), "200ms", "It is slow by this."),
    optional("drift", Form::Quantity(Quantity::Drift, Some(("-10%", "10%"))), "50ppm", "How fast it runs; below zero it is slow."),
    FOR,
];

#[rustfmt::skip]
static SLOW: &[Key] = &[
    REPLICAS,
    required("factor", Form::Quantity(Quantity::Factor, Some(("1.001", "1000000"))), "10", "So many times longer."),
    FOR,
];

#[rustfmt::skip]
static ROT: &[Key] = &[REPLICAS, default("bits", count("1", "1000000"), "1", "How many bits of each."), REFUSED_FOR];

/// The validator knows the key to say why it does not belong there.
#[rustfmt::skip]
const REFUSED_FOR: Key = optional("for", Form::Choice(&[]), "", "Refused: bits that have flipped stay so.");

#[rustfmt::skip]
static RANSOMWARE: &[Key] = &[required("hospitals", NUMBERS, "[0]", "Which hospitals, by their numbers from 0."), FOR];

#[rustfmt::skip]
static BYZANTINE: &[Key] = &[
    REPLICAS,
    required("behaviour", Form::Either(&[Form::Choice(REPLICA_BEHAVIOURS), Form::List(&Form::Choice(REPLICA_BEHAVIOURS))]), "equivocate", "What they do: one, or several in a list, all at once."),
    optional("victims", NUMBERS, "[0]", "Whom `selective` is silent to; without it, to so many that it and those it serves are just short of a quorum."),
    FOR,
];

#[rustfmt::skip]
static REPLICA_BEHAVIOURS: &[(&str, &str)] = &[
    ("silent", "sends nothing"),
    ("selective", "sends nothing to its victims"),
    ("delay", "holds each message back, for up to the leader timeout"),
    ("equivocate", "signs a second block a round: one for each half of the others"),
    ("twins", "two correct replicas with one key: both hear everybody, each talks to one half"),
    ("corrupt", "sends malformed and bit-flipped messages, and blocks forged in others' names"),
    ("wrong_ancestors", "signs blocks whose ancestors do not exist, are of a later round, no quorum, or out of order"),
    ("withhold", "sends each block to one replica only"),
    ("replay", "sends old messages again"),
    ("wrong_results", "answers clients wrongly, and signs checkpoints of another state"),
    ("fetch_flood", "asks everybody for everything, all the time"),
    ("stale_snapshot", "serves old and corrupt snapshots"),
];

#[rustfmt::skip]
static HOSTILE: &[Key] = &[
    GATEWAYS,
    HOSPITALS,
    required("behaviour", Form::Either(&[Form::Choice(GATEWAY_BEHAVIOURS), Form::List(&Form::Choice(GATEWAY_BEHAVIOURS))]), "bad_signatures", "What they do: one, or several in a list, in turn."),
    default("rate", Form::Quantity(Quantity::Rate, Some(("0.001/s", "10k/s"))), "50/s", "Hostile messages of each."),
    FOR,
];

#[rustfmt::skip]
static GATEWAY_BEHAVIOURS: &[(&str, &str)] = &[
    ("bad_signatures", "submits bundles whose signature is not their actor's"),
    ("replayed_bundles", "submits its own old bundles again"),
    ("forged_consents", "submits consents in the name of patients, signed without their key"),
    ("key_requests", "asks custodians for keys with a receipt that is of no permit, or that nobody signed"),
    ("stale_receipts", "asks custodians for keys again and again with old receipts"),
    ("flood", "submits far more than its share"),
];

/// Of a ring of counterfeiters, which has times and a share.
#[rustfmt::skip]
pub(super) static RING: &[Key] = &[
    required("region", super::WORD, "me-south-1", "Whose pharmacies."),
    required("at", duration("0s", "366d"), "10s", "From when, after the warm-up."),
    required("for", duration("1ms", "366d"), "20s", "For how long."),
    required("share", SHARE, "30%", "Of all operations meanwhile."),
];
