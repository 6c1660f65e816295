//! mcpr: flight recorder and inspector for MCP (Model Context Protocol) traffic.

pub mod cli;
pub mod commands;
pub mod console;
pub mod exit;
pub mod model;
pub mod query;
pub mod render;
pub mod store;
pub mod wire;
