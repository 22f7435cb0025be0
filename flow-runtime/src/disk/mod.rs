//! The one layer that touches files.
