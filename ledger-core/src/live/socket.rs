//! A UDP socket as QUIC wants it: many datagrams a system call (GSO, GRO, `recvmmsg`), ECN, and large buffers.

use super::LiveError;
use crate::quic::{EcnCodepoint, QuicTuning, Transmit};
use bytes::BytesMut;
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use tokio::io::Interest;

/// Asked of the kernel for each direction; it may give less (`net.core.rmem_max`). A block of every other replica may
/// arrive at once.
pub const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Receive buffers handed to the kernel at once, and bytes of each: one merged by GRO fills it.
const RECEIVE_BUFFERS: usize = 8;
const RECEIVE_BYTES: usize = 64 * 1024;

/// Bytes that one system call can send: an IPv4 datagram's, less its headers.
const SEND_BYTES_MAX: usize = 65_507;

/// Binds a socket, and fits the transport's tuning to what it can send in one system call.
pub(super) fn bind(listen: SocketAddr, quic: &QuicTuning) -> Result<(UdpSocket, QuicTuning), LiveError> {
    let failed = |source| LiveError::Socket { address: listen, source };
    let socket = UdpSocket::bind(listen).map_err(failed)?;
    let state = UdpSocketState::new(UdpSockRef::from(&socket)).map_err(failed)?;
    let payload = usize::from(quic.mtu_discovery.unwrap_or(0).max(quic.mtu));
    let fits = (SEND_BYTES_MAX / payload.max(1)).clamp(1, state.max_gso_segments());
    let tuning = QuicTuning { max_datagrams: quic.max_datagrams.min(fits), ..quic.clone() };
    Ok((socket, tuning))
}

/// Where datagrams are received into: one for all sockets of a thread.
pub(super) struct Buffers(Vec<u8>);

impl Default for Buffers {
    fn default() -> Self {
        Self(vec![0; RECEIVE_BUFFERS * RECEIVE_BYTES])
    }
}

/// A socket on a tokio runtime.
pub(super) struct Socket {
    io: tokio::net::UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    /// Must be called on a runtime.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let io = tokio::net::UdpSocket::from_std(socket)?;
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        // A smaller buffer costs retransmissions, not correctness.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&io), SOCKET_BUFFER_BYTES);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&io), SOCKET_BUFFER_BYTES);
        Ok(Self { io, state })
    }

    /// Sends what fits one system call. `WouldBlock`: wait for [`writable`](Self::writable).
    pub fn send(&self, transmit: &Transmit, contents: &[u8]) -> io::Result<()> {
        let transmit = quinn_udp::Transmit {
            destination: transmit.to,
            ecn: transmit.ecn.and_then(|ecn| quinn_udp::EcnCodepoint::from_bits(ecn as u8)),
            contents,
            segment_size: transmit.segment_size,
            src_ip: None,
        };
        self.io.try_io(Interest::WRITABLE, || self.state.send(UdpSockRef::from(&self.io), &transmit))
    }

    /// Takes what one system call gives. `WouldBlock`: wait for [`readable`](Self::readable).
    pub fn receive(
        &self,
        buffers: &mut Buffers,
        mut take: impl FnMut(SocketAddr, Option<EcnCodepoint>, BytesMut),
    ) -> io::Result<()> {
        let mut metas = [RecvMeta::default(); RECEIVE_BUFFERS];
        let mut slices: [IoSliceMut<'_>; RECEIVE_BUFFERS] = {
            let mut chunks = buffers.0.chunks_exact_mut(RECEIVE_BYTES);
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().expect("as many chunks as buffers")))
        };
        let received = self.io.try_io(Interest::READABLE, || {
            self.state.recv(UdpSockRef::from(&self.io), &mut slices, &mut metas)
        })?;
        for (meta, slice) in metas.iter().zip(&slices).take(received) {
            let ecn = meta.ecn.and_then(|ecn| EcnCodepoint::from_bits(ecn as u8));
            let mut data = BytesMut::from(&slice[..meta.len]);
            while !data.is_empty() {
                take(meta.addr, ecn, data.split_to(meta.stride.clamp(1, data.len())));
            }
        }
        Ok(())
    }

    pub async fn readable(&self) {
        // An error shows in the next call too.
        let _ = self.io.readable().await;
    }

    pub async fn writable(&self) {
        let _ = self.io.writable().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_together_fits_one_system_call() {
        for (mtu, asked, most) in [(1_452, 10, 10), (1_452, 64, 45), (8_952, 10, 7), (65_000, 10, 1)] {
            let quic = QuicTuning { mtu, max_datagrams: asked, ..QuicTuning::default() };
            let (_, fitted) = bind("127.0.0.1:0".parse().unwrap(), &quic).unwrap();
            assert!(fitted.max_datagrams <= most && fitted.max_datagrams >= 1, "{mtu}: {fitted:?}");
        }
    }
}
