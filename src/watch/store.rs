//! The store behind the screen: opened, opened anew when another one stands at its place, waited for when
//! there is none.

use mcpr_store::query::{ChangeRow, Head};
use mcpr_store::{Reader, StoreError, StoreErrorKind};
use std::fmt;
use std::time::Duration;

/// Where a worker gets its store from.
pub trait StoreSource: Send {
    /// Opens the store.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    fn open(&mut self) -> Result<Box<dyn Reader>, StoreError>;

    /// Whether another store is to be read from now on. Asked often: it must be cheap.
    fn has_moved(&mut self) -> bool;
}

/// Reports what versions of lists brought, newest last, and at most so many; `None` where nothing is new since
/// it was asked last.
pub type ChangesOf =
    Box<dyn FnMut(&dyn Reader, usize) -> Result<Option<Vec<ChangeRow>>, StoreError> + Send>;

/// What became of a question.
#[derive(Debug)]
pub(super) enum Reply<T> {
    Answered(T),
    /// The store cannot be read now; the same question may be answered later.
    Later(StoreError),
    /// It cannot be read, and waiting does not help.
    Never(StoreError),
}

/// What is asked: of a store that stands where it says.
pub(super) type Question<'a, T> = &'a mut dyn FnMut(&dyn Reader, Head) -> Result<T, StoreError>;

/// A store that is open, and where it stood last.
struct OpenStore {
    reader: Box<dyn Reader>,
    head: Head,
}

/// How many questions in a row may fail although waiting seems not to help: a store whose files are replaced one
/// after the other looks damaged in between.
const MAX_FAILURES: u32 = 20;

/// A store that is open, or will be.
pub(super) struct Connection {
    source: Box<dyn StoreSource>,
    open: Option<OpenStore>,
    failures: u32,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_open = self.open.is_some();
        f.debug_struct("Connection")
            .field("is_open", &is_open)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(source: Box<dyn StoreSource>) -> Self {
        Self {
            source,
            open: None,
            failures: 0,
        }
    }

    /// Asks the store that is open, or the one that is there now.
    pub(super) fn ask<T>(&mut self, question: Question<'_, T>) -> Reply<T> {
        if self.source.has_moved() {
            self.open = None;
        }
        // It may have been replaced this very moment: opening it anew will show it.
        if let Some(mut open) = self.open.take()
            && let Ok(answer) = open.ask(question)
        {
            self.open = Some(open);
            return Reply::Answered(answer);
        }
        let opened = self.source.open().and_then(|reader| {
            let head = reader.head()?;
            let answer = question(reader.as_ref(), head)?;
            self.open = Some(OpenStore { reader, head });
            Ok(answer)
        });
        match opened {
            Ok(answer) => {
                self.failures = 0;
                Reply::Answered(answer)
            }
            Err(error) => match error.kind {
                // One that went while it was asked is opened anew the next time.
                StoreErrorKind::Missing | StoreErrorKind::Retryable | StoreErrorKind::Gone => {
                    self.failures = 0;
                    Reply::Later(error)
                }
                _ if self.failures < MAX_FAILURES => {
                    self.failures += 1;
                    Reply::Later(error)
                }
                _ => Reply::Never(error),
            },
        }
    }
}

impl OpenStore {
    fn ask<T>(&mut self, question: Question<'_, T>) -> Result<T, StoreError> {
        // Without waiting: it also says whether the store is still at its place.
        self.head = self.reader.watch(self.head, Duration::ZERO)?;
        question(self.reader.as_ref(), self.head)
    }
}
