//! What others may see of a run; nothing here changes an outcome.
