//! What a server's surface is, and whom a change of it breaks: canonical form, comparison, rules.
//! Pure: no file, no network, no clock.

#[cfg(feature = "judge")]
pub mod arguments;
#[cfg(feature = "judge")]
mod audience;
pub mod canonical;
pub mod capture;
#[cfg(feature = "judge")]
pub mod compat;
#[cfg(feature = "judge")]
mod diff;
#[cfg(feature = "judge")]
mod finding;
#[cfg(feature = "judge")]
pub mod gather;
#[cfg(feature = "judge")]
mod level;
#[cfg(feature = "judge")]
pub mod location;
mod outline;
mod packed;
pub mod parse;
pub mod quote;
#[cfg(feature = "judge")]
mod reading;
#[cfg(feature = "judge")]
pub mod report;
#[cfg(feature = "judge")]
pub mod rules;
mod surface;
pub mod unseen;

#[cfg(feature = "judge")]
pub use audience::{Audience, Severities, Severity, UnknownSeverity};
#[cfg(feature = "judge")]
pub use diff::{DiffError, Report, diff};
#[cfg(feature = "judge")]
pub use finding::{Finding, LocatedFinding};
#[cfg(feature = "judge")]
pub use level::{Compatibility, SchemaDirection, Security};
pub use packed::Packed;
pub use surface::{ItemKind, ItemList, Surface, SurfaceError, server_info};
