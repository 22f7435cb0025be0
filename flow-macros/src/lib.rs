//! The macros of Flow. Use them through `flow-runtime`.
