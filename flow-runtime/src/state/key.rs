//! Typed names for a run's key-value data.

use std::fmt;
use std::marker::PhantomData;

/// The name of a value in a run's key-value data, with the value's type.
///
/// ```
/// use flow_runtime::Key;
/// const TRACKING: Key<String> = Key::new("tracking");
/// assert_eq!(TRACKING.name(), "tracking");
/// ```
pub struct Key<T> {
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The key of this name. Two keys of one name are one value; give them one type.
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// The name that stores keep.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.name)
    }
}
