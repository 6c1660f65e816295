//! File sources: what the tailer reads, decoded and delivered with its checkpoints.

use super::{LineDecoder, SourceHandle, Wanted};
use crate::model::Text;
use crate::tail::{Chunk, ReadOutcome, Tailer};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A chunk of at least this many bytes was not cut short by the end of its file: more follows.
const FULL_CHUNK_BYTES: usize = 64 * 1024;

/// Reads files and delivers what they hold.
#[derive(Debug)]
pub struct FileSources {
    tailer: Tailer,
    feed: Feed,
}

/// Turns chunks into deliveries.
#[derive(Debug)]
struct Feed {
    handle: SourceHandle,
    decoders: HashMap<PathBuf, LineDecoder>,
    proxy: Option<Text>,
    wanted: Wanted,
}

impl FileSources {
    /// Sources read by `tailer`; `proxy` names the proxy where neither stream nor file name should.
    #[must_use]
    pub fn new(tailer: Tailer, handle: SourceHandle, proxy: Option<&str>, wanted: Wanted) -> Self {
        let proxy = proxy.map(Text::from);
        Self {
            tailer,
            feed: Feed {
                handle,
                decoders: HashMap::new(),
                proxy,
                wanted,
            },
        }
    }

    /// The tailer, for what concerns files alone.
    pub fn tailer(&mut self) -> &mut Tailer {
        &mut self.tailer
    }

    /// Reads one chunk of every file that has grown.
    pub fn read(&mut self, stop: &dyn Fn() -> bool) -> ReadOutcome {
        let feed = &mut self.feed;
        self.tailer.read(&mut |chunk| feed.deliver(&chunk, stop))
    }

    /// Reads every file to its end, also a last line that has no newline yet.
    pub fn finish(&mut self, stop: &dyn Fn() -> bool) {
        let feed = &mut self.feed;
        self.tailer.finish(&mut |chunk| feed.deliver(&chunk, stop));
    }
}

impl Feed {
    fn deliver(&mut self, chunk: &Chunk<'_>, stop: &dyn Fn() -> bool) -> ControlFlow<()> {
        if !self.decoders.contains_key(chunk.path) {
            let name = chunk.path.to_string_lossy();
            let proxy = match &self.proxy {
                Some(proxy) => proxy.clone(),
                None => proxy_of(chunk.path),
            };
            let decoder = LineDecoder::new(&name, &proxy, self.wanted.clone());
            self.decoders.insert(chunk.path.to_owned(), decoder);
        }
        let Some(decoder) = self.decoders.get_mut(chunk.path) else {
            return ControlFlow::Break(());
        };
        let now = super::unix_ms(SystemTime::now());
        for piece in chunk.pieces {
            decoder.piece(piece, now);
        }
        let more_follows = decoder.waiting_bytes() >= FULL_CHUNK_BYTES;
        let at_end = Some(now).filter(|_| !more_follows);
        let checkpoint = decoder.settle(at_end, chunk.checkpoint.clone());
        let mut delivery = decoder.take();
        delivery.progress.checkpoint = checkpoint;
        delivery.more_follows = more_follows;
        match self.handle.deliver(delivery, stop) {
            Ok(_) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// The proxy whose stream a file holds: its name up to the first dot, else `default`.
#[must_use]
pub fn proxy_of(path: &Path) -> Text {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
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
        ];
        for (path, expected) in cases {
            assert_eq!(proxy_of(Path::new(path)), expected, "{path}");
        }
    }
}
