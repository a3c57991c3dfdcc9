//! The journal of one execution.
