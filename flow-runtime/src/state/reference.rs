//! Payloads whose bytes are kept beside the record, in parts: what stands in the record in their place.
//!
//! In: the bytes of a large payload. Out: 32 bytes that name them, under flag 1, and the same again. The layout, all
//! little-endian: the payload's number (16 bytes), its length (8), the number of its parts (4), the CRC-32C of all its
//! bytes (4). Another layout would be another flag.

use bytes::Bytes;

use super::Payload;

/// The flag of payloads whose bytes are such a name.
const FLAG: u8 = 1;
const LEN: usize = 32;

/// Where the bytes of a payload are that is too large for a record: in parts that the store keeps beside it.
///
/// [`Payload::reference`] reads it; [`Engine::payload`](crate::Engine::payload) gets what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reference {
    /// What tells the payload from others of the run.
    pub payload: u128,
    /// The length of all parts together, in bytes.
    pub len: u64,
    /// How many parts there are. All but the last have 16 MiB.
    pub parts: u32,
    /// The CRC-32C of all bytes, those of the parts one after the other.
    pub crc: u32,
}

impl Reference {
    /// The most bytes of a part.
    pub(crate) const PART: usize = 16 << 20;

    /// The longest payload that a name does not make longer.
    pub(crate) const MIN_BYTES: usize = LEN;

    /// What names these bytes under this number; `None` if they have more parts than there are numbers.
    pub(crate) fn of(payload: u128, bytes: &[u8]) -> Option<Self> {
        let parts = u32::try_from(bytes.len().div_ceil(Self::PART)).ok()?;
        Some(Self { payload, len: bytes.len() as u64, parts, crc: crc32c::crc32c(bytes) })
    }

    /// How long this part is, in bytes.
    pub(crate) fn len_of(&self, part: u32) -> u64 {
        let before = u64::from(part) * Self::PART as u64;
        self.len.saturating_sub(before).min(Self::PART as u64)
    }

    fn to_bytes(self) -> Vec<u8> {
        let Self { payload, len, parts, crc } = self;
        [&payload.to_le_bytes()[..], &len.to_le_bytes(), &parts.to_le_bytes(), &crc.to_le_bytes()].concat()
    }

    fn read(bytes: &[u8; LEN]) -> Option<Self> {
        let (payload, rest) = bytes.split_first_chunk::<16>()?;
        let (len, rest) = rest.split_first_chunk::<8>()?;
        let (parts, rest) = rest.split_first_chunk::<4>()?;
        let crc = rest.first_chunk::<4>()?;
        let (payload, len) = (u128::from_le_bytes(*payload), u64::from_le_bytes(*len));
        let (parts, crc) = (u32::from_le_bytes(*parts), u32::from_le_bytes(*crc));
        (len.div_ceil(Self::PART as u64) == u64::from(parts)).then_some(Self { payload, len, parts, crc })
    }
}

impl Payload {
    /// Whether the bytes are kept beside the record.
    pub(crate) const fn is_reference(&self) -> bool {
        self.flags == FLAG
    }

    /// Where the bytes are, if they are kept beside the record; `None` if they stand here, or if what should say so is
    /// broken.
    pub fn reference(&self) -> Option<Reference> {
        let bytes = <&[u8; LEN]>::try_from(&*self.bytes).ok()?;
        if self.is_reference() { Reference::read(bytes) } else { None }
    }

    /// The same payload with its bytes elsewhere.
    pub(crate) fn with_reference(&self, reference: Reference) -> Self {
        Self { flags: FLAG, bytes: reference.to_bytes().into(), ..*self }
    }

    /// The same payload with its bytes here again.
    pub(crate) fn with_bytes(&self, bytes: Bytes) -> Self {
        Self { flags: 0, bytes, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Encoding;

    #[test]
    fn b29_a_reference_comes_back_and_its_layout_is_fixed() {
        let plain = Payload { transform: 1, ..Payload::new(Encoding::Raw, b"123456789".to_vec()) };
        let reference = Reference::of(0x0102, &plain.bytes).unwrap();
        let payload = plain.with_reference(reference);
        assert_eq!(payload.reference(), Some(reference));
        assert_eq!((payload.flags, payload.transform), (1, 1));
        let mut expected = vec![0; 32];
        expected[..2].copy_from_slice(&[2, 1]);
        expected[16] = 9;
        expected[24] = 1;
        expected[28..].copy_from_slice(&0xE306_9283_u32.to_le_bytes());
        assert_eq!(payload.bytes, expected);
        assert_eq!(payload.with_bytes(plain.bytes.clone()), plain);
        assert_eq!(plain.reference(), None);
    }

    #[test]
    fn b34_a_reference_that_cannot_be_is_none() {
        let reference = Reference { payload: 1, len: Reference::PART as u64 + 1, parts: 2, crc: 0 };
        let of = |reference| Payload::new(Encoding::Raw, Vec::new()).with_reference(reference).reference();
        assert_eq!(of(reference), Some(reference));
        assert_eq!((reference.len_of(0), reference.len_of(1), reference.len_of(2)), (Reference::PART as u64, 1, 0));
        assert_eq!(of(Reference { parts: 1, ..reference }), None);
        assert_eq!(of(Reference { len: u64::MAX, ..reference }), None);
        for len in [0, 31, 33] {
            let payload = Payload { flags: 1, ..Payload::new(Encoding::Raw, vec![0; len]) };
            assert_eq!(payload.reference(), None);
        }
    }
}
