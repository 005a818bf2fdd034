//! `network:`

use super::{Form, Key, Quantity, WORDS, default, duration, optional, required, share, size};

#[rustfmt::skip]
pub(super) static NETWORK: &[Key] = &[
    default("transport", Form::Choice(&[("quic", "real QUIC packets, TLS 1.3 and all, over simulated UDP links"), ("message", "one delay-and-bandwidth model for each message; for populations too large for packets")]), "quic", "What carries messages."),
    required("topology", Form::Either(&[Form::Choice(TOPOLOGIES), Form::Map(TOPOLOGY)]), "gulf-5", "Regions and the one-way delays between them: a named latency matrix, or one's own."),
    default("loss", share("50%"), "0", "Packets lost, everywhere and all the time."),
    optional("transfers", Form::List(&Form::Map(TRANSFER)), "[{ at: 5s, from: 0, to: 1, size: 100MB }]", "Load of the network's own: bytes that one replica sends to another all at once, in the lane of documents and snapshots."),
    default("congestion_control", Form::Choice(&[("cubic", "RFC 9438"), ("newreno", "RFC 9002, section 7"), ("bbr", "BBR version 1")]), "cubic", "How fast a sender goes. Of `transport: quic` alone, as the seven keys after it."),
    default("initial_window", size("2400B", "16MiB"), "14720B", "Bytes that a sender may have under way before it has heard anything."),
    default("mtu", size("1200B", "65000B"), "1452B", "Bytes of a UDP payload."),
    default("queue", size("1500B", "1TiB"), "256KiB", "Bytes that wait in front of each network card, each way; what does not fit is dropped."),
    default("duplication", share("50%"), "0", "Datagrams that arrive twice."),
    default("reordering", share("50%"), "0", "Datagrams that are held back so that later ones overtake them."),
    default("idle_timeout", duration("100ms", "366d"), "60s", "A connection without traffic for so long is closed."),
    default("keep_alive", Form::Either(&[duration("100ms", "366d"), Form::Choice(&[("off", "nobody pings")])]), "20s", "A gateway pings the replicas that it is connected to this often if nothing else is sent; or `off`."),
];

#[rustfmt::skip]
static TOPOLOGIES: &[(&str, &str)] = &[
    ("lan", "one region, one rack"),
    ("metro", "three sites of one city"),
    ("gulf-5", "five regions from the Gulf to Europe and Asia, measured"),
    ("published-6", "six regions that published measurements of the closest peers used"),
    ("world-10", "ten regions of six continents, measured"),
    ("uniform-50-100ms", "one region, 50 to 100 ms uniform, as the closest peer's simulator has it"),
];

#[rustfmt::skip]
static TOPOLOGY: &[Key] = &[
    required("regions", WORDS, "[riyadh, dubai]", "Their names, at most 256."),
    required("matrix", Form::List(&Form::List(&Form::Quantity(Quantity::Delay, None))), "[[0.2ms, 8ms], [8ms, 0.2ms]]", "`matrix[from][to]`: the one-way delay between two hosts of these regions; a row and a column for each region."),
];

#[rustfmt::skip]
static TRANSFER: &[Key] = &[
    required("at", Form::Quantity(Quantity::Duration, None), "5s", "When, from the end of the warm-up."),
    required("from", Form::Quantity(Quantity::Integer, None), "0", "The replica that sends."),
    required("to", Form::Quantity(Quantity::Integer, None), "1", "The replica that receives."),
    required("size", size("1B", "128MiB"), "100MB", "How much."),
];
