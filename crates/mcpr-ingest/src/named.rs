//! The proxy's name that a file's own name and place say.

use mcpr_model::Text;
use std::path::Path;

/// The proxy whose stream a file holds: what its place says where a format has its files there, else its
/// name up to the first dot, else `default`.
#[must_use]
pub fn proxy_of(path: &Path) -> Text {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    let directory = path.parent().and_then(Path::file_name);
    let directory = directory.map(|name| name.to_string_lossy());
    if let Some(proxy) = mcpr_wire::proxy_in(directory.as_deref(), &name) {
        return proxy.into();
    }
    match name.split('.').next() {
        Some(stem) if !stem.is_empty() => stem.into(),
        _ => Text::const_new(DEFAULT_PROXY),
    }
}

/// The proxy's name where nothing says one.
pub const DEFAULT_PROXY: &str = "default";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_by_its_file() {
        let cases = [
            ("everything.stderr.log", "everything"),
            ("/var/log/weather.log.1", "weather"),
            ("plain", "plain"),
            (".hidden", "default"),
            ("/", "default"),
            ("/logs/mcpServer.mcp.config.usrlocal.files.log", "files"),
        ];
        for (path, expected) in cases {
            assert_eq!(proxy_of(Path::new(path)), expected, "{path}");
        }
    }
}
