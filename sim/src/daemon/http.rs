//! Health, metrics and the gateway's API over HTTP, for this host or its operators' network: it has no authentication of
//! its own, so bind it to an address that only they reach.

mod api;

pub use api::Api;

use super::DaemonError;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ledger_core::committee::ReplicaId;
use ledger_core::live::{LiveStatus, Monitor};
use ledger_core::quic::Refusal;
use ledger_core::seam::GatewayId;
use serde_json::json;
use std::fmt::Write as _;
use std::io;
use std::net::TcpListener;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Tells how a process is.
#[derive(Clone)]
pub struct Health {
    monitor: Monitor,
    labels: String,
    is_replica: bool,
}

impl Health {
    /// Of a replica.
    pub fn replica(monitor: Monitor, id: ReplicaId) -> Self {
        Self { monitor, labels: format!("replica=\"{}\"", id.0), is_replica: true }
    }

    /// Of a gateway.
    pub fn gateway(monitor: Monitor, id: GatewayId) -> Self {
        Self { monitor, labels: format!("gateway=\"{}\"", id.0), is_replica: false }
    }
}

/// Serves until it is dropped.
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // One that has ended by itself hears nothing.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves health, metrics and, for a gateway, its API.
///
/// # Errors
/// If the address cannot be bound.
pub fn serve(address: &str, health: Health, api: Option<Api>) -> Result<Server, DaemonError> {
    let failed = |error| DaemonError::Io { what: format!("HTTP on {address}"), error };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let mut router =
        Router::new().route("/health", get(healthy)).route("/metrics", get(metrics)).with_state(health);
    if let Some(api) = api {
        router = router.merge(api.router());
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let body = move || {
        let served: io::Result<()> = runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tokio::select! {
                served = axum::serve(listener, router) => served,
                _ = stopped => Ok(()),
            }
        });
        if let Err(error) = served {
            tracing::error!(%error, "HTTP ended");
        }
    };
    let thread = std::thread::Builder::new().name("http".to_owned()).spawn(body).map_err(failed)?;
    Ok(Server { stop: Some(stop), thread: Some(thread) })
}

/// 200 while the process does its work; 503 with the reason otherwise.
async fn healthy(State(health): State<Health>) -> Response {
    let status = health.monitor.status();
    let failed = health.monitor.failed().map(|error| error.to_string());
    let trouble = failed.or_else(|| status.disk_full.then(|| "the disk is full".to_owned()));
    let code = if trouble.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "healthy": trouble.is_none(),
        "trouble": trouble,
        "commits": status.replica.executed,
        "replicas_connected": status.replicas_connected,
    });
    (code, axum::Json(body)).into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    let text = exposition(&health.monitor.status(), &health.labels, health.is_replica);
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}

/// OpenMetrics 1.0.
fn exposition(status: &LiveStatus, labels: &str, is_replica: bool) -> String {
    let mut text = String::new();
    let mut family = |name: &str, counter: bool, help: &str, value: u64| {
        let (kind, suffix) = if counter { ("counter", "_total") } else { ("gauge", "") };
        let _ = write!(text, "# TYPE amanah_{name} {kind}\n# HELP amanah_{name} {help}\n");
        let _ = writeln!(text, "amanah_{name}{suffix}{{{labels}}} {value}");
    };
    if is_replica {
        let replica = &status.replica;
        family("round", false, "Round of the last own block.", replica.protocol.round.0);
        family("commits", true, "Commits executed.", replica.executed);
        family("commits_certified", true, "Last commit with a certified checkpoint.", replica.certified);
        family("log_entries", true, "Entries in the audit log.", replica.log_size);
        family(
            "mempool_bytes",
            false,
            "Payload that waits to be proposed.",
            replica.protocol.mempool_bytes as u64,
        );
        family(
            "blocks_suspended",
            false,
            "Blocks that wait for ancestors.",
            replica.protocol.suspended as u64,
        );
        family("leader_timeouts", true, "Leaders waited for in vain.", replica.protocol.leader_timeouts);
        family("ordering_bytes", false, "Memory held for ordering.", replica.ordering_bytes as u64);
        family("ledger_bytes", false, "Memory held for ledger rows.", replica.ledger_bytes as u64);
        family("log_bytes", false, "Memory held for the audit log.", replica.log_bytes as u64);
        family("dropped", true, "Messages dropped because of their sender.", replica.dropped);
        family("replicas_connected", false, "Other replicas connected.", status.replicas_connected as u64);
        family("journal_entries", true, "Journal entries ever made durable.", status.durable.0);
        family("journal_syncs", true, "Syncs of the journal.", status.syncs);
        family("journal_bytes", true, "Bytes written to the journal.", status.journal_bytes);
        family(
            "disk_full",
            false,
            "Whether nothing is accepted because the disk is full.",
            u64::from(status.disk_full),
        );
        family("refused_disk_full", true, "Submissions refused because the disk was full.", status.refused);
    }
    let network = &status.network;
    family("datagrams_sent", true, "UDP datagrams sent.", network.datagrams_sent);
    family("datagrams_received", true, "UDP datagrams received.", network.datagrams_received);
    family("datagrams_garbage", true, "Datagrams of no connection.", network.garbage);
    family("bytes_sent", true, "Bytes of datagrams sent.", network.bytes_sent);
    family("bytes_received", true, "Bytes of datagrams received.", network.bytes_received);
    family("packets_lost", true, "Packets declared lost and sent again.", network.packets_lost);
    family("connections", false, "Connections now.", network.connections);
    family("messages_shed", true, "Messages that a full queue shed.", network.shed);
    family("queued_bytes", false, "Bytes that wait for a peer.", network.queued_bytes);
    let _ = write!(
        text,
        "# TYPE amanah_handshakes_refused counter\n# HELP amanah_handshakes_refused By reason.\n"
    );
    for refusal in Refusal::ALL {
        let count = network.refused_for(refusal);
        let reason = format!("{refusal:?}");
        let _ = writeln!(text, "amanah_handshakes_refused_total{{{labels},reason=\"{reason}\"}} {count}");
    }
    text.push_str("# EOF\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_openmetrics() {
        let text = exposition(&LiveStatus::default(), "replica=\"3\"", true);
        assert!(text.ends_with("# EOF\n"));
        assert!(text.contains("# TYPE amanah_commits counter\n"), "{text}");
        assert!(text.contains("amanah_commits_total{replica=\"3\"} 0\n"), "{text}");
        assert!(
            text.contains("amanah_handshakes_refused_total{replica=\"3\",reason=\"UnknownKey\"} 0\n"),
            "{text}"
        );
        let gateway = exposition(&LiveStatus::default(), "gateway=\"0\"", false);
        assert!(!gateway.contains("journal"), "{gateway}");
    }
}
