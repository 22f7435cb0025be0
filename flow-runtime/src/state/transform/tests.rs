//! Payloads that are packed and unpacked, whole and broken.

use super::*;
use crate::state::{Encoding, decode, encode};

fn packing(compression: Compression) -> Packing {
    Packing { compression, ..Packing::default() }
}

fn text(len: usize) -> Vec<u8> {
    b"a line of a report that is much like the others\n".iter().copied().cycle().take(len).collect()
}

fn noise(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..len).map(|_| random.u8(..)).collect()
}

struct Xor(u8, u8);

impl Transform for Xor {
    fn number(&self) -> u8 {
        self.0
    }

    fn apply(&self, bytes: &[u8]) -> Result<Vec<u8>, BoxError> {
        Ok(bytes.iter().map(|byte| byte ^ self.1).collect())
    }

    fn undo(&self, bytes: &[u8]) -> Result<Vec<u8>, BoxError> {
        self.apply(bytes)
    }
}

#[test]
fn b29_what_was_compressed_comes_back_by_what_it_says_of_itself() {
    let packing = packing(Compression::default());
    for (bytes, transform) in [(text(1023), NOTHING), (text(1024), LZ4), (text(3 << 20), LZ4), (noise(5000), NOTHING)] {
        let plain = Payload::new(Encoding::Raw, bytes);
        let packed = packing.pack(plain.clone()).unwrap();
        assert_eq!(packed.transform, transform);
        assert!(transform == NOTHING || packed.bytes.len() <= plain.bytes.len() - plain.bytes.len() / 8);
        assert_eq!(packing.unpack(&packed).unwrap(), plain);
        assert_eq!(Packing::default().unpack(&packed).unwrap(), plain, "whatever the engine packs itself");
        assert_eq!(decode::<Vec<u8>>(&packed).unwrap(), plain.bytes);
    }
}

#[test]
fn what_saves_less_than_an_eighth_is_kept_as_it_is() {
    let packing = packing(Compression::default());
    let transform_of = |noisy: usize| {
        let bytes = [noise(noisy), vec![0; 8000 - noisy]].concat();
        packing.pack(Payload::new(Encoding::Raw, bytes)).unwrap().transform
    };
    assert_eq!(transform_of(7_200), NOTHING);
    assert_eq!(transform_of(6_800), LZ4);
}

#[test]
fn b34_a_length_that_cannot_be_is_refused_before_there_is_room_for_it() {
    let broken = |len: u32, block: &[u8], transform| {
        let bytes = [&len.to_le_bytes(), block].concat();
        let payload = Payload { transform, ..Payload::new(Encoding::Raw, bytes) };
        Packing::default().unpack(&payload).unwrap_err()
    };
    assert!(broken(u32::MAX, &[0; 20], LZ4).contains("20 bytes of LZ4 cannot stand for 4294967295"));
    assert!(broken(u32::MAX, &[0; 20], ZSTD).contains("at most 67108864 are read; raise `max_output_bytes`"));
    assert!(broken(80, &[0xff; 20], LZ4).contains("broken LZ4"));
    let payload = Payload { transform: LZ4, ..Payload::new(Encoding::Raw, vec![1, 2]) };
    assert!(Packing::default().unpack(&payload).unwrap_err().contains("too short"));
}

#[test]
fn b34_any_byte_of_it_may_be_wrong() {
    let packing = packing(Compression::default());
    let packed = packing.pack(Payload::new(Encoding::Raw, text(2_000))).unwrap();
    for at in 0..packed.bytes.len() {
        for bit in 0..8 {
            let mut bytes = packed.bytes.to_vec();
            bytes[at] ^= 1 << bit;
            // It is another value or an error, which the store's checksum tells apart; never a panic.
            let _ = packing.unpack(&Payload { bytes: bytes.into(), ..packed });
        }
    }
}

#[test]
fn what_this_version_does_not_know_is_refused_by_name() {
    let of = |transform| Payload { transform, ..Payload::new(Encoding::Raw, vec![7; 40]) };
    let reason = |payload| decode::<Vec<u8>>(&payload).unwrap_err().to_string();
    assert!(reason(of(3)).contains("transform 3 is unknown to this version"));
    assert!(reason(of(130)).contains("transform 130 is not given to this engine"));
    assert!(reason(Payload { flags: 2, ..of(0) }).contains("flags 2"));
    assert!(reason(Payload { flags: 1, ..of(0) }).contains("`Engine::payload`"));
}

#[test]
fn a_users_transform_comes_last_and_old_ones_are_still_undone() {
    let with = |transforms: Vec<Arc<dyn Transform>>| Packing { transforms, ..packing(Compression::default()) };
    let old = with(vec![Arc::new(Xor(128, 0x5a))]);
    let new = with(vec![Arc::new(Xor(128, 0x5a)), Arc::new(Xor(200, 0x33))]);
    for bytes in [text(5_000), noise(5_000), Vec::new()] {
        let plain = Payload::new(Encoding::Raw, bytes);
        let (by_old, by_new) = (old.pack(plain.clone()).unwrap(), new.pack(plain.clone()).unwrap());
        assert_eq!((by_old.transform, by_new.transform), (128, 200));
        assert!(
            plain.bytes.len() != 5_000 || plain.bytes[0] != b'a' || by_new.bytes.len() < 1_000,
            "compressed before"
        );
        assert_eq!(new.unpack(&by_old).unwrap(), plain);
        assert_eq!(new.unpack(&by_new).unwrap(), plain);
        assert!(old.unpack(&by_new).unwrap_err().contains("transform 200"));
    }
    let other = with(vec![Arc::new(Xor(128, 0xff))]);
    let packed = old.pack(Payload::new(Encoding::Raw, Vec::new())).unwrap();
    assert!(other.unpack(&packed).unwrap_err().contains("gave back something else"));
}

#[cfg(feature = "zstd")]
#[test]
fn b29_what_zstandard_made_comes_back() {
    let packing = packing(Compression::default().zstd(64 << 10));
    let value: Vec<String> = (0..20_000).map(|n| format!("line {n} of a report")).collect();
    let plain = encode(&value, Encoding::MessagePack).unwrap();
    let packed = packing.pack(plain.clone()).unwrap();
    assert_eq!(packed.transform, ZSTD);
    assert_eq!(decode::<Vec<String>>(&packed).unwrap(), value);
    let lz4 = self::packing(Compression::default()).pack(plain).unwrap();
    assert!(packed.bytes.len() < lz4.bytes.len());
}

#[cfg(not(feature = "zstd"))]
#[test]
fn what_zstandard_made_names_the_feature_it_needs() {
    let plain = encode(&text(100), Encoding::Raw).unwrap();
    let packed =
        Payload { transform: ZSTD, bytes: [&100_u32.to_le_bytes()[..], &plain.bytes].concat().into(), ..plain };
    let error = decode::<Vec<u8>>(&packed).unwrap_err();
    assert!(error.to_string().contains("the feature `zstd`"), "{error}");
}
