//! Health checks and metrics over HTTP, on a thread of their own.
//!
//! `/health/live` says whether the process works at all, `/health/ready` whether it can serve clients: a replica is
//! ready while it is connected with a quorum and its disk has space. `/metrics` is in the OpenMetrics text format, which
//! Prometheus reads. Nothing here changes anything, and nothing is secret; still, listen where only operators reach.
//!
//! At most [`CONNECTIONS_MAX`] connections are served at a time, each for at most [`CONNECTION_PATIENCE`].

mod render;

use super::{LiveError, Monitor};
use crate::time::Duration;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{Notify, Semaphore};

/// Connections served at a time; others wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 16;
/// For everything that one connection wants.
pub const CONNECTION_PATIENCE: Duration = Duration::from_secs(10);

/// A running endpoint. Stops when it is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Serves what the monitor sees.
    pub fn start(listen: SocketAddr, monitor: Monitor) -> Result<Self, LiveError> {
        let failed = |source| LiveError::Socket { address: listen, source };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = Arc::new(Notify::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(LiveError::Thread)?;
        let stopped = stop.clone();
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, monitor) => {}
                    () = stopped.notified() => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("metrics".into()).spawn(serve);
        Ok(Self { address, stop, thread: Some(thread.map_err(LiveError::Thread)?) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, is in the log; nothing depends on it.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, monitor: Monitor) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "no metrics"),
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No file descriptors, most likely: they come back.
                tracing::warn!(%error, "metrics: accepting failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let monitor = monitor.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = answer(&request, &monitor);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(CONNECTION_PATIENCE);
            let connection = http.serve_connection(TokioIo::new(stream), service);
            // A client that goes away, or talks for ever, is its own problem.
            let _ = tokio::time::timeout(CONNECTION_PATIENCE, connection).await;
            drop(place);
        });
    }
}

/// Answers one request: for servers that have more to offer on the same address.
pub fn answer<B>(request: &Request<B>, monitor: &Monitor) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n".into());
    }
    let health = |result: Result<(), String>, well: &str| match result {
        Ok(()) => text(StatusCode::OK, TEXT, format!("{well}\n")),
        Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
    };
    match request.uri().path() {
        "/health/live" => health(monitor.live(), "live"),
        "/health/ready" => health(monitor.ready(), "ready"),
        "/metrics" => text(StatusCode::OK, render::CONTENT_TYPE, render::render(&monitor.status())),
        _ => text(StatusCode::NOT_FOUND, TEXT, "/health/live, /health/ready or /metrics\n".into()),
    }
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
