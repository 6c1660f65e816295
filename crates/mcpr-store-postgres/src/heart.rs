//! A thread that says again and again that somebody is there, on a connection of its own.

use crate::connect::{ConnectionRole, Server};
use crate::db::Db;
use crate::errors::DbFault;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it is reported. Others wait six times as long before they believe that nobody is there.
const INTERVAL: Duration = Duration::from_secs(5);

/// Says that somebody is there until it is dropped.
#[derive(Debug)]
pub(crate) struct Heart {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heart {
    /// Begins to say it, by a statement without an answer.
    pub(crate) fn begin(
        server: &Server,
        say: impl Fn(&mut Db) -> Result<(), DbFault> + Send + 'static,
    ) -> Self {
        let (stop, stopped) = channel();
        let server = server.clone();
        let spawned = std::thread::Builder::new()
            .name("heart".to_owned())
            .spawn(move || {
                // Made when it is first needed: most writers end before that.
                let mut db: Option<Db> = None;
                while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    // While the server is away nobody hears it; it is tried again the next time.
                    let Some(mut connected) = db
                        .take()
                        .or_else(|| server.connect(ConnectionRole::Writer).ok())
                    else {
                        continue;
                    };
                    if say(&mut connected).is_ok() && !connected.is_lost() {
                        db = Some(connected);
                    }
                }
            });
        Self {
            stop: Some(stop),
            // Without the thread the writer is taken for gone after a while, and no worse comes of it.
            thread: spawned.ok(),
        }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        // The thread hears of it at once.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It ends as soon as nobody can ask it to stop any more.
            let _ = thread.join();
        }
    }
}
