//! The gateway's API over HTTP, beside its health and metrics.
//!
//! It has no authentication of its own, so bind it to an address that only the institution's own programs reach. At most
//! [`CONNECTIONS_MAX`] connections are served at a time; others wait in the kernel's queue.

mod api;

pub use api::Api;

use super::DaemonError;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use ledger_core::live::{Monitor, metrics};
use ledger_core::time::Duration;
use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{Semaphore, oneshot};

/// Connections served at a time.
const CONNECTIONS_MAX: usize = 1_024;
/// For the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// After accepting failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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

/// Serves a gateway's API, health and metrics.
///
/// # Errors
/// If the address cannot be bound.
pub fn serve(address: &str, monitor: Monitor, api: Api) -> Result<Server, DaemonError> {
    let failed = |error| DaemonError::Io { what: format!("HTTP on {address}"), error };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let body = move || {
        runtime.block_on(async move {
            tokio::select! {
                () = accept(listener, monitor, api) => {}
                _ = stopped => {}
            }
        });
    };
    let thread = std::thread::Builder::new().name("http".to_owned()).spawn(body).map_err(failed)?;
    Ok(Server { stop: Some(stop), thread: Some(thread) })
}

async fn accept(listener: TcpListener, monitor: Monitor, api: Api) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "no API"),
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No file descriptors, most likely: they come back.
                tracing::warn!(%error, "accepting failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (monitor, api) = (monitor.clone(), api.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let (monitor, api) = (monitor.clone(), api.clone());
                async move { Ok::<_, Infallible>(answer(request, &monitor, &api).await) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
            // A client that goes away is its own problem.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
            drop(place);
        });
    }
}

async fn answer(request: Request<Incoming>, monitor: &Monitor, api: &Api) -> Response<Full<Bytes>> {
    let operation = request.uri().path().strip_prefix("/v1/").map(str::to_owned);
    match operation {
        Some(operation) if request.method() == Method::POST => {
            api.answer(&operation, request.into_body()).await
        }
        Some(_) | None => metrics::answer(&request, monitor),
    }
}
