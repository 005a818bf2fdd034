//! Datagrams as a capture file that network analysers read: pcap with nanoseconds, raw IPv4.
//!
//! A datagram is written when its sender hands it to the card, whatever becomes of it then. Two runs of one plan write
//! the same file.

use ledger_core::time::Timestamp;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;

/// `LINKTYPE_RAW`: packets begin with their IP header.
const LINK_TYPE: u32 = 101;
const IPV4_BYTES: usize = 20;
const UDP_BYTES: usize = 8;
const UDP: u8 = 17;

/// A file being written. The first error is kept, and told at the end.
#[derive(Debug)]
pub struct Capture {
    file: BufWriter<File>,
    error: Option<io::Error>,
}

impl Capture {
    /// Makes the file, or empties it.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        for word in [0xa1b2_3c4d_u32, 2 | 4 << 16, 0, 0, 65_535, LINK_TYPE] {
            file.write_all(&word.to_le_bytes())?;
        }
        Ok(Self { file, error: None })
    }

    pub(super) fn datagram(&mut self, now: Timestamp, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        if self.error.is_none()
            && let Err(error) = self.write(now, from, to, payload)
        {
            self.error = Some(error);
        }
    }

    fn write(&mut self, now: Timestamp, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let length = IPV4_BYTES + UDP_BYTES + payload.len();
        for word in
            [(now.0 / 1_000_000_000) as u32, (now.0 % 1_000_000_000) as u32, length as u32, length as u32]
        {
            self.file.write_all(&word.to_le_bytes())?;
        }
        let mut head = [0; IPV4_BYTES + UDP_BYTES];
        head[0] = 0x45;
        head[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        head[8] = 64;
        head[9] = UDP;
        head[12..16].copy_from_slice(&octets(from));
        head[16..20].copy_from_slice(&octets(to));
        let sum = checksum(&head[..IPV4_BYTES]);
        head[10..12].copy_from_slice(&sum.to_be_bytes());
        head[20..22].copy_from_slice(&from.port().to_be_bytes());
        head[22..24].copy_from_slice(&to.port().to_be_bytes());
        head[24..26].copy_from_slice(&((UDP_BYTES + payload.len()) as u16).to_be_bytes());
        self.file.write_all(&head)?;
        self.file.write_all(payload)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The first that there was.
    pub fn finish(mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.file.flush(),
        }
    }
}

fn octets(address: SocketAddr) -> [u8; 4] {
    match address {
        SocketAddr::V4(address) => address.ip().octets(),
        SocketAddr::V6(_) => [0; 4],
    }
}

/// RFC 1071.
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    !((sum & 0xffff) + (sum >> 16)) as u16
}
