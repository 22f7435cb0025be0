//! MessagePack decoding.

use serde::de::DeserializeOwned;

/// The value that these bytes hold.
pub(super) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|error| super::discreet::message_pack(&error))
}
