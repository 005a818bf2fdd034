//! `ledger:`, `host:` and `gateway_host:`.

use super::{Form, Key, Quantity, WORD, count, default, duration, optional, required, size};

#[rustfmt::skip]
pub(super) static LEDGER: &[Key] = &[
    default("protocol", Form::Choice(&[("mysticeti", "uncertified DAG with implicit votes, arXiv 2310.14821")]), "mysticeti", "The ordering protocol."),
    required("replicas", Form::Either(&[count("1", "400"), Form::List(&Form::Map(REPLICA))]), "4", "How many replicas, spread over the regions in turn; or a list that says where each is."),
    optional("faults_tolerated", count("0", "1 billion"), "1", "How many replicas (or units of stake) may be faulty. It changes nothing: a committee that is too small for it (n < 3f + 1) is refused."),
    default("checkpoint_interval", count("1", "1M"), "1", "Commits between two signed checkpoints. Receipts wait for a checkpoint. 100 if every workload is `opaque`."),
    optional("policy", Form::Map(POLICY), "{ review_window: 72h }", "What the consortium agreed on: windows that execution judges by, in commit time."),
    optional("tuning", Form::Map(TUNING), "{ leaders_per_round: 2, leader_timeout: 500ms }", "Parameters of the ordering protocol."),
];

#[rustfmt::skip]
static REPLICA: &[Key] = &[
    required("region", WORD, "me-central-1", "A region of the topology."),
    default("stake", count("1", "1 billion"), "1", "Its weight in votes."),
];

#[rustfmt::skip]
const WINDOW: Form = duration("1ms", "8784h");

#[rustfmt::skip]
static POLICY: &[Key] = &[
    default("permit_window", WINDOW, "30s", "How long a permit by consent is in force at most."),
    default("break_glass_window_max", WINDOW, "8h", "How long a break-glass access may be at most."),
    default("review_window", WINDOW, "72h", "How long after a break-glass access its review is in time."),
    default("trial_approval_window", WINDOW, "365d", "How long after an ethics board approved a trial or an amendment it may be registered."),
    default("reverse_window", WINDOW, "10d", "How long after medicines were received they may be returned, and after they were dispensed this may be reversed."),
    default("device_skew_max", WINDOW, "5min", "How far a device's clock may be ahead of commit time."),
    default("vitals_lateness_max", WINDOW, "10min", "How long after they were taken vitals may be anchored."),
    default("prescription_claim", WINDOW, "24h", "How long a pharmacy's claim to a prescription keeps others out."),
];

#[rustfmt::skip]
static TUNING: &[Key] = &[
    default("leaders_per_round", count("1", "the number of replicas"), "2", "Leader slots a round; fewer if there are fewer replicas."),
    default("leader_timeout", duration("1us", "1h"), "500ms", "How long a proposer waits for missing leader blocks before it goes on."),
    default("min_round_interval", duration("1us", "1h"), "10ms", "Shortest time between two proposals of one replica."),
    default("gc_depth", count("10", "1M"), "100", "Rounds below the last committed leader after which a block can no longer be committed."),
    default("block_bytes_max", size("4KiB", "64MiB"), "512KiB", "Most payload bytes in one block."),
    default("mempool_bytes_max", size("4KiB", "16GiB"), "64MiB", "Most payload bytes that wait in a replica's mempool; beyond it clients are told that it is busy. At least `block_bytes_max`."),
];

#[rustfmt::skip]
pub(super) static PROFILES: &[(&str, &str)] = &[
    ("reference-8core", "8 cores, costs measured on an AMD EPYC, 10 Gbit/s"),
    ("reference-2core", "the same with 2 cores"),
    ("gateway-2core", "the same with 2 cores and 1 Gbit/s"),
    ("ideal", "computation and disk cost nothing: the network's delays alone are left"),
];

#[rustfmt::skip]
pub(super) static HOST: &[Key] = &[
    optional("profile", Form::Choice(PROFILES), "reference-2core", "Where the figures come from that are not written here."),
    optional("cores", count("1", "1024"), "4", "Virtual cores for stateless work (signature checks, hashes, seals); the machine itself has one more."),
    optional("costs", Form::Map(COSTS), "{ verify: 32us, sign: 18us }", "Processor time of each kind of work."),
    optional("disk", Form::Map(DISK), "{ sync: 250us }", "The disk that the journal is on."),
    optional("bandwidth", Form::Quantity(Quantity::BitsPerSecond, Some(("1kbit/s", "10^15 a second"))), "10Gbit/s", "The network card, each way."),
];

#[rustfmt::skip]
const COST: Form = duration("0ns", "10s");

#[rustfmt::skip]
static COSTS: &[Key] = &[
    optional("message", COST, "2us", "Handling one message or timer."),
    optional("datagram", COST, "2400ns", "Sending or receiving one QUIC datagram."),
    optional("handshake", COST, "230us", "One QUIC handshake, at each end."),
    optional("verify", COST, "32us", "One signature check on its own."),
    optional("verify_batched", COST, "20us", "One signature check inside a batch of 8 or more."),
    optional("sign", COST, "18us", "One signature."),
    optional("hash_per_kib", COST, "600ns", "Hashing 1 KiB."),
    optional("seal_per_kib", COST, "140ns", "Sealing or opening 1 KiB (AES-256-GCM)."),
    optional("wrap", COST, "70us", "Wrapping or unwrapping one key (HPKE)."),
    optional("execute", COST, "3us", "Executing one action."),
];

#[rustfmt::skip]
static DISK: &[Key] = &[
    optional("append", COST, "5us", "Fixed time of an append."),
    optional("sync", COST, "250us", "A sync, after which what was appended survives a crash."),
    optional("bandwidth", Form::Quantity(Quantity::BytesPerSecond, Some(("1kB/s", "10^15 a second"))), "1GB/s", "How fast it writes."),
];
