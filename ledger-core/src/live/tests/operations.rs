//! What operators see.

use super::*;
use crate::live::metrics::MetricsServer;
use std::io::{Read, Write};
use std::net::TcpStream;

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn health_follows_the_quorum_and_metrics_are_served() {
    let consortium = Consortium::new(4);
    let alone = consortium.start(0);
    let server = MetricsServer::start("127.0.0.1:0".parse().unwrap(), alone.handle.monitor()).unwrap();
    assert!(get(server.address(), "/health/live").starts_with("HTTP/1.1 200"));
    let ready = get(server.address(), "/health/ready");
    assert!(
        ready.starts_with("HTTP/1.1 503") && ready.ends_with("connected with 0 of 3 other replicas\n"),
        "{ready}"
    );

    let mut others: Vec<Running> = (1..4).map(|id| consortium.start(id)).collect();
    others[0].until(|report| report.index >= 3);
    while !get(server.address(), "/health/ready").starts_with("HTTP/1.1 200") {
        std::thread::sleep(Duration::from_millis(10));
    }
    let metrics = get(server.address(), "/metrics");
    assert!(metrics.contains("\namanah_commits_total ") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(get(server.address(), "/secrets").starts_with("HTTP/1.1 404"));
    drop(server);
    others.push(alone);
    others.into_iter().for_each(|replica| replica.handle.shutdown().unwrap());
}
