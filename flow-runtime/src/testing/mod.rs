//! Tools for testing workflows and stores.
