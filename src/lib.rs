//! mcpr: flight recorder and inspector for MCP (Model Context Protocol) traffic.

pub mod model;
pub mod query;
pub mod store;
pub mod tail;
pub mod wire;
