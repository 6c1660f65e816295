//! What a server's surface is, and whom a change of it breaks: canonical form, comparison, rules.
//! Pure: no file, no network, no clock but the budget of the comparison.

pub mod arguments;
pub mod canonical;
pub mod capture;
pub mod compat;
mod diff;
mod finding;
mod level;
pub mod parse;
mod reading;
pub mod report;
pub mod rules;
mod surface;

pub use diff::{Report, diff};
pub use finding::Finding;
pub use level::{Compatibility, Direction, Security};
pub use surface::{ItemKind, Listing, Surface, SurfaceError};
