//! The async `quinn` crate, as an independent peer over real sockets: it dials the host, and the host dials it.

use super::*;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Drives a host on a socket until the test ends; events come out.
#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "real sockets have real time")]
async fn drive(
    mut host: Host,
    socket: UdpSocket,
    events: mpsc::UnboundedSender<Event>,
    reply_to: Option<Peer>,
) {
    let start = std::time::Instant::now();
    let now = || Timestamp::after_genesis(start.elapsed());
    let (mut buf, mut datagram) = (Vec::new(), vec![0; 2_000]);
    if let Some(peer) = reply_to {
        host.send(now(), peer, Lane::Client, Bytes::from_static(b"hello from the host"));
    }
    loop {
        while let Some(transmit) = host.flush(now(), &mut buf) {
            for segment in buf[..transmit.len].chunks(transmit.segment_size.unwrap_or(transmit.len)) {
                socket.send_to(segment, transmit.to).await.unwrap();
            }
        }
        let mut any = false;
        while let Some(event) = host.poll_event() {
            any = true;
            if let Event::Message { from, lane, bytes } = &event {
                host.send(now(), *from, *lane, bytes.clone());
            }
            let _ = events.send(event);
        }
        if any {
            continue;
        }
        let wait = host.next_timeout().map_or(SECOND, |at| at.since(now()));
        tokio::select! {
            received = socket.recv_from(&mut datagram) => {
                let (len, from) = received.unwrap();
                host.on_datagram(now(), from, None, BytesMut::from(&datagram[..len]));
            }
            () = tokio::time::sleep(wait) => host.on_timeout(now()),
        }
    }
}

/// What quinn needs to be `me`: the host's own TLS configuration, in quinn's endpoint with quinn's defaults.
fn identity(me: Peer, peers: &[Peer]) -> Identity {
    let clock = Clock::new(Timestamp::ZERO);
    let gate = Gate::new(Arc::new(registry(peers)), clock.clone());
    Identity::new(&key(me), chain(1), &gate, &clock, &Entropy::from_system().unwrap()).unwrap()
}

fn client(identity: &Identity) -> ClientConfig {
    let crypto: Arc<QuicClientConfig> = identity.client.clone();
    ClientConfig::new(crypto)
}

fn server(identity: &Identity) -> ServerConfig {
    let crypto: Arc<QuicServerConfig> = identity.server.clone();
    ServerConfig::with_crypto(crypto)
}

fn frame(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_le_bytes(), message].concat()
}

async fn read_frame(stream: &mut quinn::RecvStream) -> Vec<u8> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    let mut body = vec![0; u32::from_le_bytes(head) as usize];
    stream.read_exact(&mut body).await.unwrap();
    body
}

async fn bind() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn host(me: Peer, peers: &[Peer], addresses: &[(Peer, SocketAddr)]) -> Host {
    let config = HostConfig {
        me,
        key: key(me),
        chain: chain(1),
        registry: Arc::new(registry(peers)),
        addresses: Arc::new(addresses.iter().copied().collect()),
        tuning: QuicTuning::default(),
        entropy: Entropy::from_system().unwrap(),
    };
    Host::new(config, Timestamp::ZERO).unwrap()
}

#[tokio::test]
async fn quinn_dials_the_host() {
    let peers = [replica(0), gateway(1)];
    let (socket, address) = bind().await;
    let (sender, mut events) = mpsc::unbounded_channel();
    tokio::spawn(drive(host(peers[0], &peers, &[]), socket, sender, None));

    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let config = client(&identity(peers[1], &peers));
    let connection = endpoint.connect_with(config, address, "r0.amanah").unwrap().await.unwrap();
    let long = vec![7; 500_000];
    for (lane, message) in [(1u8, &b"short"[..]), (2, &long)] {
        let mut send = connection.open_uni().await.unwrap();
        send.write_all(&[&[lane], &frame(message)[..]].concat()).await.unwrap();
        // The host echoes on the same lane.
        let mut receive = connection.accept_uni().await.unwrap();
        let mut tag = [9];
        receive.read_exact(&mut tag).await.unwrap();
        assert_eq!(tag, [lane]);
        assert_eq!(read_frame(&mut receive).await, message);
    }
    assert_eq!(events.recv().await, Some(Event::Connected(peers[1])));
    let Some(Event::Message { from, lane, bytes }) = events.recv().await else { panic!("a message") };
    assert_eq!((from, lane, &bytes[..]), (peers[1], Lane::Client, &b"short"[..]));
}

#[tokio::test]
async fn the_host_dials_quinn() {
    let peers = [replica(0), gateway(1)];
    let (socket, _) = bind().await;
    let config = server(&identity(peers[0], &peers));
    let endpoint = quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
    let address = endpoint.local_addr().unwrap();
    let (sender, mut events) = mpsc::unbounded_channel();
    let host = host(peers[1], &peers, &[(peers[0], address)]);
    tokio::spawn(drive(host, socket, sender, Some(peers[0])));

    let connection = endpoint.accept().await.unwrap().await.unwrap();
    let mut receive = connection.accept_uni().await.unwrap();
    let mut tag = [9];
    receive.read_exact(&mut tag).await.unwrap();
    assert_eq!(tag, [1]);
    assert_eq!(read_frame(&mut receive).await, b"hello from the host");
    let mut send = connection.open_uni().await.unwrap();
    send.write_all(&[&[0], &frame(b"hello from quinn")[..]].concat()).await.unwrap();
    let mut echo = connection.accept_uni().await.unwrap();
    echo.read_exact(&mut tag).await.unwrap();
    assert_eq!((tag, &read_frame(&mut echo).await[..]), ([0], &b"hello from quinn"[..]));
    assert_eq!(events.recv().await, Some(Event::Connected(peers[0])));
}

#[tokio::test]
async fn quinn_with_an_unknown_key_is_refused() {
    let (socket, address) = bind().await;
    let (sender, mut events) = mpsc::unbounded_channel();
    tokio::spawn(drive(host(replica(0), &[replica(0)], &[]), socket, sender, None));
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let config = client(&identity(gateway(1), &[replica(0), gateway(1)]));
    let connection = endpoint.connect_with(config, address, "r0.amanah").unwrap().await;
    if let Ok(connection) = connection {
        // A client believes that it is connected before the server has seen its key.
        assert!(matches!(connection.closed().await, quinn::ConnectionError::ConnectionClosed(_)));
    }
    let Some(Event::Refused { reason, .. }) = events.recv().await else { panic!("a refusal") };
    assert_eq!(reason, Refusal::UnknownKey);
}
