//! Where a report goes: standard output, or a file that is there only when it is whole.

use crate::commands::replace::Replacement;
use crate::console::Console;
use crate::render::units;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// A report that is being written.
pub(super) struct Output {
    file: Option<(PathBuf, Replacement)>,
    bytes: u64,
}

impl Output {
    pub(super) fn begin(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = path.filter(|path| *path != Path::new("-"));
        let begin = |path: &Path| -> anyhow::Result<_> {
            let file = Replacement::begin(path).with_context(|| cannot(path))?;
            Ok((path.to_owned(), file))
        };
        Ok(Self {
            file: path.map(begin).transpose()?,
            bytes: 0,
        })
    }

    pub(super) fn write(&mut self, text: &str, console: &mut Console) -> anyhow::Result<()> {
        self.bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
        match &mut self.file {
            Some((path, file)) => file.write(text.as_bytes()).with_context(|| cannot(path)),
            None => Ok(console.print(text)?),
        }
    }

    /// Puts the file in its place, and says so.
    pub(super) fn finish(self, calls: u64, console: &mut Console) -> anyhow::Result<()> {
        if let Some((path, file)) = self.file {
            file.commit().with_context(|| cannot(&path))?;
            let count = |number: u64| units::grouped(i64::try_from(number).unwrap_or(i64::MAX));
            console.note(&format!(
                "wrote {}: {} calls, {} bytes",
                path.display(),
                count(calls),
                count(self.bytes)
            ));
        }
        Ok(())
    }
}

fn cannot(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
