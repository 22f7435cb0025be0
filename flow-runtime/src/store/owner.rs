//! Who drives runs.

use std::fmt;

/// One engine, to its store: the number it drew when it was built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(u64);

impl Owner {
    /// An owner that is no other, in this process or elsewhere, but for one chance in 2⁶⁴.
    pub fn draw() -> Self {
        Self(fastrand::u64(..))
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owner({:016x})", self.0)
    }
}
