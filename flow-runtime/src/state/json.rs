//! JSON that comes back equal, or none at all.

use serde::Serialize;

/// The value as JSON, or `None` if JSON cannot carry it: a number that is not finite, a key that is no text.
pub(super) fn to_vec<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    serde_json::to_vec(value).ok()
}
