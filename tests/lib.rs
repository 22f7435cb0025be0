//! The suites live in `it/`; this library target is empty.
