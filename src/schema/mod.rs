//! What a server's surface is, and whom a change of it breaks: canonical form, comparison, rules.
//! Pure: no file, no network, no clock but the budget of the comparison.

pub mod canonical;
pub mod compat;
pub mod parse;
mod surface;

pub use surface::{ItemKind, Listing, Surface, SurfaceError};
