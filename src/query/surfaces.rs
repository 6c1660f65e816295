//! `schema`: what servers showed, version by version, and what each version brought.

/// One version of one list (or of the server itself) of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurfaceRow {
    /// The proxy.
    pub proxy: String,
    /// The method that lists it.
    pub method: String,
    /// Its number, from 1.
    pub version: i64,
    /// SHA-256 of its canonical form.
    pub sha256: String,
    /// The raw JSON of the whole list, as an answer without further pages holds it.
    pub payload: String,
    /// When it was first seen, unix milliseconds.
    pub first_seen_at: i64,
    /// When it was last seen, unix milliseconds.
    pub last_seen_at: i64,
    /// The position in the store behind which it was first seen.
    pub seq: i64,
    /// The session in which it was first seen, where the stream said one.
    pub session_id: Option<String>,
    /// The client that saw it first, where the event said one.
    pub client_name: Option<String>,
    /// The server's address, where a stream told it.
    pub upstream: Option<String>,
    /// Whether the server had announced a change since the version before was last seen.
    pub announced: bool,
    /// What is peculiar about it: doubled names, keys that stand twice.
    pub peculiar: Vec<String>,
    /// What it brought, with the item's key.
    pub changes: Vec<(String, Option<String>)>,
}

/// An item seen on its own, of a list that was never seen whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoneItem {
    /// The proxy.
    pub proxy: String,
    /// The method that would list it.
    pub method: String,
    /// Its name, URI or URI template.
    pub item: String,
    /// Its raw JSON.
    pub payload: String,
    /// When it was first seen, unix milliseconds.
    pub first_seen_at: i64,
    /// When it was last seen, unix milliseconds.
    pub last_seen_at: i64,
}

/// Everything that is known of the surfaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surfaces {
    /// Versions by proxy, method and number.
    pub versions: Vec<SurfaceRow>,
    /// Items of lists without a version, by proxy, method and key.
    pub items: Vec<LoneItem>,
}
