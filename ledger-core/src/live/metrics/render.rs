//! Figures in the OpenMetrics text format.

use crate::live::{Chore, LiveStatus};
use crate::quic::Refusal;
use std::fmt::Write;

pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether a figure only grows.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

/// All figures. The names are part of the interface: dashboards rely on them.
pub(super) fn render(status: &LiveStatus) -> String {
    use Kind::{Counter, Gauge};
    let (replica, network) = (&status.replica, &status.network);
    let protocol = &replica.protocol;
    let figures: &[(&str, Kind, &str, u64)] = &[
        ("amanah_round", Gauge, "Round of the last own block", protocol.round.0),
        ("amanah_commits", Counter, "Commits ordered", protocol.commits),
        ("amanah_commits_executed", Counter, "Commits executed", replica.executed),
        ("amanah_commits_certified", Gauge, "Last commit with a certified checkpoint", replica.certified),
        ("amanah_log_entries", Gauge, "Entries in the audit log", replica.log_size),
        ("amanah_leader_timeouts", Counter, "Leaders waited for in vain", protocol.leader_timeouts),
        ("amanah_blocks_suspended", Gauge, "Blocks that wait for ancestors", protocol.suspended as u64),
        ("amanah_blocks_refused", Counter, "Blocks too old, too early or too many", protocol.refused),
        ("amanah_mempool_bytes", Gauge, "Payload that waits to be proposed", protocol.mempool_bytes as u64),
        ("amanah_ordering_bytes", Gauge, "Memory of ordering", replica.ordering_bytes as u64),
        ("amanah_ledger_bytes", Gauge, "Memory of the ledger beyond genesis", replica.ledger_bytes as u64),
        ("amanah_log_bytes", Gauge, "Memory of the audit log", replica.log_bytes as u64),
        ("amanah_messages_dropped", Counter, "Messages of faulty or too busy peers", replica.dropped),
        ("amanah_journal_entries_durable", Counter, "Journal entries made durable", status.durable.0),
        ("amanah_journal_syncs", Counter, "Syncs of the journal", status.syncs),
        ("amanah_journal_written_bytes", Counter, "Bytes written to the journal", status.journal_bytes),
        ("amanah_disk_full", Gauge, "1 while nothing is accepted for want of space", status.disk_full.into()),
        ("amanah_submissions_refused", Counter, "Submissions refused for want of space", status.refused),
        ("amanah_reports_lost", Counter, "Reports that the observer had no room for", status.unobserved),
        ("amanah_replicas_connected", Gauge, "Other replicas connected", status.replicas_connected as u64),
        ("amanah_quic_connections", Gauge, "Connections, handshakes included", network.connections),
        ("amanah_quic_connections_dialled", Counter, "Connections dialled", network.dialled),
        ("amanah_quic_connections_accepted", Counter, "Connections accepted", network.accepted),
        ("amanah_quic_connections_lost", Counter, "Connections that ended", network.disconnected),
        (
            "amanah_quic_handshakes_failed",
            Counter,
            "Handshakes without a connection",
            network.handshakes_failed,
        ),
        ("amanah_quic_datagrams_sent", Counter, "Datagrams sent", network.datagrams_sent),
        ("amanah_quic_datagrams_received", Counter, "Datagrams received", network.datagrams_received),
        ("amanah_quic_sent_bytes", Counter, "Bytes of datagrams sent", network.bytes_sent),
        ("amanah_quic_received_bytes", Counter, "Bytes of datagrams received", network.bytes_received),
        ("amanah_quic_packets_lost", Counter, "Packets lost and sent again", network.packets_lost),
        ("amanah_quic_garbage", Counter, "Datagrams of no connection", network.garbage),
        ("amanah_quic_shed_messages", Counter, "Messages shed: slow or absent peers", network.shed),
        ("amanah_quic_shed_bytes", Counter, "Bytes of messages shed", network.shed_bytes),
        ("amanah_quic_queued_bytes", Gauge, "Bytes that wait to be sent", network.queued_bytes),
    ];
    let mut text = String::with_capacity(8 * 1024);
    for (name, kind, help, value) in figures {
        let (kind, suffix) = match kind {
            Counter => ("counter", "_total"),
            Gauge => ("gauge", ""),
        };
        write!(text, "# TYPE {name} {kind}\n# HELP {name} {help}.\n{name}{suffix} {value}\n")
            .expect("writing to a string");
    }
    text.push_str("# TYPE amanah_quic_refused counter\n# HELP amanah_quic_refused Connections refused.\n");
    for refusal in Refusal::ALL {
        let count = network.refused_for(refusal);
        writeln!(text, "amanah_quic_refused_total{{reason=\"{refusal}\"}} {count}")
            .expect("writing to a string");
    }
    text.push_str("# TYPE amanah_cpu_nanoseconds counter\n");
    text.push_str(
        "# HELP amanah_cpu_nanoseconds Processor time of chores; the machine's own is not among them.\n",
    );
    for (chore, spent) in Chore::ALL.into_iter().zip(status.spent) {
        writeln!(text, "amanah_cpu_nanoseconds_total{{chore=\"{}\"}} {spent}", chore.name())
            .expect("writing to a string");
    }
    text.push_str("# EOF\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_openmetrics() {
        let text = render(&LiveStatus { durable: crate::seam::JournalPosition(7), ..LiveStatus::default() });
        assert!(text.contains("\namanah_journal_entries_durable_total 7\n"));
        assert!(text.ends_with("\n# EOF\n"));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<u64>().is_ok() && name.starts_with("amanah_"), "{line}");
        }
    }
}
