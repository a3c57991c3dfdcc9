//! The binary log: reading it from the source, event by event, as the server
//! wrote it, and understanding as much of it as shipping and applying need.

pub(crate) mod event;
pub(crate) mod group;
pub(crate) mod gtid;
pub(crate) mod intake;
pub(crate) mod junction;
pub(crate) mod order;
pub(crate) mod payload;
pub(crate) mod piece;
pub(crate) mod position;
pub(crate) mod query;
mod reader;
pub(crate) mod run;
pub(crate) mod segment;
mod source;
pub(crate) mod statement;

pub(crate) use source::open;
