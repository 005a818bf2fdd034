//! The canonical codec: one valid encoding per value.
//!
//! Borsh under rules of our own. Everything that is hashed, signed, stored or sent goes through [`encode`] and
//! [`decode`]. `decode` refuses trailing bytes and inputs longer than the caller's limit. Variable-length fields are
//! [`List`] and [`Blob`], whose limit is part of their type and is checked before anything is allocated. No wire type
//! is recursive (the compiler would demand a `Box`, and no `Box` implements the codec's traits for them), so the depth
//! of a value is bounded by its type. Maps and floats are not used on the wire.

use borsh::io::{Error, ErrorKind, Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use std::ops::Deref;

/// Why bytes are not a value. Never valid: decoding the same bytes again cannot succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than the boundary takes.
    #[error("{found} bytes where at most {limit} are taken")]
    TooLong {
        /// Bytes offered.
        found: usize,
        /// Bytes taken.
        limit: usize,
    },
    /// Not the encoding of a value: cut short, an unknown tag, a length beyond its limit, or bytes left over.
    #[error("malformed: {0}")]
    Malformed(String),
}

/// The one encoding of `value`.
pub fn encode<T: BorshSerialize>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to a Vec fails only when out of memory")
}

/// Appends the one encoding of `value`.
pub fn encode_into<T: BorshSerialize>(bytes: &mut Vec<u8>, value: &T) {
    value.serialize(bytes).expect("writing to a Vec fails only when out of memory");
}

/// How long the encoding of `value` is.
pub fn encoded_length<T: BorshSerialize>(value: &T) -> usize {
    borsh::object_length(value).expect("counting fails never")
}

/// Reads a value that must fill `bytes` exactly and be at most `limit` bytes long.
pub fn decode<T: BorshDeserialize>(bytes: &[u8], limit: usize) -> std::result::Result<T, DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooLong { found: bytes.len(), limit });
    }
    T::try_from_slice(bytes).map_err(|error| DecodeError::Malformed(error.to_string()))
}

/// Reads one value after the other off shared bytes. Blobs share their memory, so nothing large is copied; what is read
/// is what [`decode`] reads of the values' encodings one after the other.
pub struct Reader {
    bytes: Bytes,
    at: usize,
}

impl Reader {
    /// From the start of `bytes`, of which there may be at most `limit`.
    pub fn new(bytes: Bytes, limit: usize) -> std::result::Result<Self, DecodeError> {
        if bytes.len() > limit {
            return Err(DecodeError::TooLong { found: bytes.len(), limit });
        }
        Ok(Self { bytes, at: 0 })
    }

    /// The next value.
    pub fn value<T: BorshDeserialize>(&mut self) -> std::result::Result<T, DecodeError> {
        let mut rest = &self.bytes[self.at..];
        let value = T::deserialize(&mut rest).map_err(|error| DecodeError::Malformed(error.to_string()))?;
        self.at = self.bytes.len() - rest.len();
        Ok(value)
    }

    /// The next value, a blob.
    pub fn blob<const MAX: usize>(&mut self) -> std::result::Result<Blob<MAX>, DecodeError> {
        let length = self.length(MAX)?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| DecodeError::Malformed("cut short".into()))?;
        let blob = Blob(self.bytes.slice(self.at..end));
        self.at = end;
        Ok(blob)
    }

    /// The next value, a list of blobs.
    pub fn blobs<const EACH: usize, const MAX: usize>(
        &mut self,
    ) -> std::result::Result<List<Blob<EACH>, MAX>, DecodeError> {
        let length = self.length(MAX)?;
        // The length is a claim: each takes four bytes or more.
        let mut blobs = Vec::with_capacity(length.min((self.bytes.len() - self.at) / 4));
        for _ in 0..length {
            blobs.push(self.blob()?);
        }
        Ok(List(blobs))
    }

    fn length(&mut self, max: usize) -> std::result::Result<usize, DecodeError> {
        let mut rest = &self.bytes[self.at..];
        let length =
            read_length(&mut rest, max).map_err(|error| DecodeError::Malformed(error.to_string()))?;
        self.at = self.bytes.len() - rest.len();
        Ok(length)
    }

    /// Nothing may be left over.
    pub fn finish(self) -> std::result::Result<(), DecodeError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => Err(DecodeError::Malformed(format!("{left} bytes left over"))),
        }
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

fn read_length<R: Read>(reader: &mut R, max: usize) -> Result<usize> {
    let length = u32::deserialize_reader(reader)? as usize;
    if length > max {
        return Err(invalid(format!("length {length} where at most {max} is taken")));
    }
    Ok(length)
}

/// At most `MAX` values; the length is refused before anything is allocated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// `None` if there are more than `MAX`.
    pub fn new(values: Vec<T>) -> Option<Self> {
        (values.len() <= MAX).then_some(Self(values))
    }

    /// The values.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: BorshSerialize, const MAX: usize> BorshSerialize for List<T, MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<T: BorshDeserialize, const MAX: usize> BorshDeserialize for List<T, MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let length = read_length(reader, MAX)?;
        // The length is a claim: grow with what really arrives.
        let mut values = Vec::with_capacity(length.min(64));
        for _ in 0..length {
            values.push(T::deserialize_reader(reader)?);
        }
        Ok(Self(values))
    }
}

/// At most `MAX` opaque bytes, cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob<const MAX: usize>(Bytes);

impl<const MAX: usize> Blob<MAX> {
    /// `None` if there are more than `MAX`.
    pub fn new(bytes: impl Into<Bytes>) -> Option<Self> {
        let bytes = bytes.into();
        (bytes.len() <= MAX).then_some(Self(bytes))
    }

    /// The bytes, shared.
    pub fn bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl<const MAX: usize> Deref for Blob<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> BorshSerialize for Blob<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        let length = u32::try_from(self.0.len()).map_err(|_| invalid("blob over 4 GiB".into()))?;
        length.serialize(writer)?;
        writer.write_all(&self.0)
    }
}

impl<const MAX: usize> BorshDeserialize for Blob<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        const CHUNK: usize = 64 * 1024;
        let length = read_length(reader, MAX)?;
        let mut bytes = Vec::with_capacity(length.min(CHUNK));
        while bytes.len() < length {
            let start = bytes.len();
            bytes.resize(length.min(start + CHUNK), 0);
            reader.read_exact(&mut bytes[start..])?;
        }
        Ok(Self(bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Sample = (u16, List<Blob<8>, 4>, Option<u64>, bool);

    proptest! {
        #[test]
        fn every_value_round_trips(a: u16, items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..=8), 0..=4), o: Option<u64>, b: bool) {
            let items = items.into_iter().map(|i| Blob::new(i).unwrap()).collect();
            let value: Sample = (a, List::new(items).unwrap(), o, b);
            prop_assert_eq!(decode::<Sample>(&encode(&value), 1024).unwrap(), value);
        }

        /// Whatever decodes is the encoding of what it decoded to: there is no second encoding.
        #[test]
        fn no_second_encoding(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = decode::<Sample>(&bytes, 1024) {
                prop_assert_eq!(encode(&value), bytes);
            }
        }

        /// A reader reads what `decode` reads, and refuses what it refuses.
        #[test]
        fn a_reader_reads_the_same(bytes in prop::collection::vec(prop_oneof![3 => Just(0u8), 1 => 0u8..9, 1 => any::<u8>()], 0..64)) {
            let read = || {
                let mut reader = Reader::new(bytes.clone().into(), 60)?;
                let value = (reader.value::<u16>()?, reader.blobs()?, reader.blob()?);
                reader.finish().map(|()| value)
            };
            type Whole = (u16, List<Blob<8>, 4>, Blob<9>);
            prop_assert_eq!(read().ok(), decode::<Whole>(&bytes, 60).ok());
        }

        #[test]
        fn flipped_bits_never_decode_to_the_same_value(bit in 0usize..200, n: u64) {
            let value: Sample = (7, List::new(vec![Blob::new(vec![1, 2, 3]).unwrap()]).unwrap(), Some(n), true);
            let mut bytes = encode(&value);
            let at = bit % (bytes.len() * 8);
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert_ne!(decode::<Sample>(&bytes, 1024).ok(), Some(value));
        }
    }

    #[test]
    fn hostile_lengths_are_refused() {
        let huge = u32::MAX.to_le_bytes();
        assert!(decode::<List<u64, 100>>(&huge, 64).unwrap_err().to_string().contains("at most 100"));
        assert!(decode::<Blob<100>>(&huge, 64).unwrap_err().to_string().contains("at most 100"));
        // A length inside the limit that the bytes do not hold allocates no more than a chunk before it fails.
        assert!(decode::<Blob<{ usize::MAX }>>(&huge, 64).is_err());
        assert!(decode::<List<u64, { usize::MAX }>>(&huge, 64).is_err());
    }

    #[test]
    fn what_is_left_over_or_too_long_is_refused() {
        assert!(decode::<u8>(&[1, 2], 64).is_err());
        assert_eq!(decode::<u64>(&[0; 8], 7), Err(DecodeError::TooLong { found: 8, limit: 7 }));
        assert!(decode::<bool>(&[2], 64).is_err());
        assert!(decode::<Option<u8>>(&[2, 0], 64).is_err());
    }
}
