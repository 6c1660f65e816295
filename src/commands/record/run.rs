//! The recorder at work: sources, writer and signals brought together.

use super::fifo::Fifo;
use super::limit::room_for_files;
use super::listen::Servers;
use super::progress::{Running, Signals, print_sources};
use super::reload::{Reload, Reread};
use super::report::{closing_line, hint_of_nothing, hint_of_removed, shortened};
use super::sources::{BadSource, Sources, Stream};
use super::{Args, From, OnFull};
use crate::commands::Refused;
use crate::commands::sources::Machine;
use crate::console::{Console, Progress, Unit};
use crate::exit::Exit;
use anyhow::Context;
use mcpr_connect::connect;
use mcpr_ingest::{
    Config, DEFAULT_PROXY, FileSources, Full, LineDecoder, Recorder, StreamSource, proxy_of,
};
use mcpr_tail::{Begin, Pace, Tailer, Waker};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often sources that cannot be waited for together are looked at.
const POLL: Duration = Duration::from_millis(50);

/// Set by the first signal, and by whatever else ends the recorder.
type Stop = Arc<AtomicBool>;

pub(super) fn run(args: &Args, reread: Reread<'_>, console: &mut Console) -> anyhow::Result<Exit> {
    let sources = all_sources(args)?;
    let signals = Signals::catch().context("cannot catch signals")?;
    // An address of the configuration has no end, and `--once` asks for one.
    let ready = if args.once {
        None
    } else {
        args.listen.prepare(console)?
    };
    let stop = catch_signals().context("cannot catch signals")?;
    args.bodies.set(args.recording.bodies());
    let removed = Arc::new(AtomicU64::new(0));
    let recorder = Recorder::open(config(args, &removed)?)?;
    say_what_is_not_read(&sources, console);
    let servers = ready.map(|ready| ready.start(args, &recorder, console));
    let servers = servers.transpose()?;
    print_sources(args, console)?;
    let reload = Reload::new(args, reread, &recorder, servers.as_ref());
    let mut running = Running::new(signals, reload);
    let streams = start_streams(args, &sources.streams, &recorder, &stop)?;
    let mut unread = 0;
    let reads_files = !sources.files.is_empty();
    if reads_files {
        let following = Following {
            args,
            recorder: &recorder,
            stop: &stop,
            servers: servers.as_ref(),
        };
        unread = following.follow(sources, &mut running, console);
    }
    let mut report = || {
        args.report_notes(console);
        // A stream has nothing that could be opened anew.
        running.heed(console);
    };
    wait_for_streams(&streams, servers.as_ref(), &recorder, &stop, &mut report);
    let elapsed = running.elapsed();
    recorder.stop();
    let ended = end_streams(streams, &recorder).and(end_serving(servers));
    let summary = recorder.shutdown()?;
    args.report_notes(console);
    console.note(&closing_line(&summary, elapsed));
    if let Some(hint) = hint_of_nothing(&summary, args.once && reads_files) {
        console.hint(hint);
    }
    // A recorder that goes on removes what has aged every hour, and nobody compares its sums.
    let removed = if args.once {
        removed.load(Ordering::Acquire)
    } else {
        0
    };
    if let Some(hint) = hint_of_removed(removed, args.keep.keep(&args.store)) {
        console.hint(&hint);
    }
    // Not earlier: what was read is committed, whatever became of a source.
    ended?;
    if args.once && unread > 0 {
        let files = if unread == 1 { "file" } else { "files" };
        let error = Refused::new(format!("{unread} {files} could not be read"));
        return Err(error
            .hint("what was read is stored; see above for what was not")
            .into());
    }
    Ok(Exit::Done)
}

/// Says which of the sources are not there yet, and which are not read at all.
fn say_what_is_not_read(sources: &Sources, console: &mut Console) {
    for path in &sources.awaited {
        console.note(&format!(
            "{}: not there yet, waiting for it",
            path.display()
        ));
    }
    for pipe in &sources.pipes {
        let pipe = pipe.display();
        console.note(&format!(
            "{pipe}: a named pipe, which no glob reads; name it itself"
        ));
    }
    for pattern in &sources.unmatched {
        let bracket = if pattern.contains('[') {
            "; […] stands for one of these characters, [[] for a bracket"
        } else {
            ""
        };
        console.note(&format!(
            "{pattern}: no file matches yet, waiting for one{bracket}"
        ));
    }
}

/// What was named, and with `--discover` the logs of this machine.
fn all_sources(args: &Args) -> Result<Sources, Refused> {
    let mut sources = Sources::resolve(&args.sources, args.once).map_err(|error| {
        let BadSource { hint, .. } = &error;
        Refused::new(error.to_string()).hint(hint)
    })?;
    if args.discover {
        sources.discover(&Machine::present().log_patterns(), args.once);
        if args.once && sources.files.is_empty() && sources.streams.is_empty() {
            let hint = "`mcpr sources` lists what there is; without --once logs are waited for";
            return Err(Refused::new("--discover: there are no logs yet").hint(hint));
        }
    }
    Ok(sources)
}

/// The first signal stops the sources; a second one ends the process at once.
fn catch_signals() -> io::Result<Stop> {
    let stop = Stop::default();
    for signal in [SIGTERM, SIGINT] {
        let code = 128 + signal;
        // Before the flag is registered, or the first signal would set the flag and then find it
        // set.
        signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

fn config(args: &Args, requests_removed: &Arc<AtomicU64>) -> anyhow::Result<Config> {
    let mut config = Config::new(args.store.url()?);
    config.writer = args.writer.options(true);
    config.batch_size = usize::try_from(args.batch_size).unwrap_or(Config::BATCH_SIZE);
    config.flush_interval = args.flush_interval;
    config.screen = args.recording.screen()?;
    config.keep = args.keep.keep(&args.store);
    let requests_removed = Arc::clone(requests_removed);
    config.on_removed = Some(Box::new(move |removed| {
        requests_removed.fetch_add(removed.requests, Ordering::AcqRel);
        Console::of_process().note(&removed.to_string());
    }));
    config.on_error = Some(Box::new(|failure| {
        // Called from the writer, which cannot have this command's console.
        Console::of_process().note(&format!("warning: {failure}"));
    }));
    Ok(config)
}

/// A thread that reads a stream to its end.
struct StreamReading {
    name: String,
    source: Arc<StreamSource>,
    thread: JoinHandle<io::Result<()>>,
}

fn start_streams(
    args: &Args,
    streams: &[Stream],
    recorder: &Recorder,
    stop: &Stop,
) -> anyhow::Result<Vec<StreamReading>> {
    let start = |stream: &Stream| -> anyhow::Result<StreamReading> {
        let name = stream.name();
        let proxy = match (&args.proxy, stream) {
            (Some(proxy), _) => proxy.as_str().into(),
            (None, Stream::Fifo(path)) => proxy_of(path),
            (None, Stream::Stdin) => DEFAULT_PROXY.into(),
        };
        let decoder = LineDecoder::new(&name, &proxy, args.wanted());
        let handle = recorder.source(what_when_full(args.on_full, stream));
        let source = Arc::new(StreamSource::new(decoder, handle));
        let (stream, stop, once) = (stream.clone(), Arc::clone(stop), args.once);
        let reader = Arc::clone(&source);
        let thread = std::thread::Builder::new()
            .name(format!("mcpr-read {name}"))
            .spawn(move || {
                let is_over = || stop.load(Ordering::Acquire);
                let mut input: Box<dyn Read> = match &stream {
                    Stream::Stdin => Box::new(io::stdin()),
                    // With `--once` the end of the pipe is the end; otherwise its next writer is
                    // waited for.
                    Stream::Fifo(path) if once => Box::new(File::open(path)?),
                    Stream::Fifo(path) => Box::new(Fifo::open(path, &is_over)?),
                };
                reader.read(&mut *input, &is_over)
            })
            .with_context(|| format!("cannot start reading {name}"))?;
        Ok(StreamReading {
            name,
            source,
            thread,
        })
    };
    streams.iter().map(start).collect()
}

/// A pipe must never be stalled; a file given as standard input is its own buffer.
fn what_when_full(chosen: Option<OnFull>, stream: &Stream) -> Full {
    let is_file = || {
        File::open("/dev/stdin")
            .and_then(|file| file.metadata())
            .is_ok_and(|it| it.is_file())
    };
    match (chosen, stream) {
        (Some(chosen), _) => chosen.full(),
        (None, Stream::Stdin) if is_file() => Full::Block,
        (None, _) => Full::Drop,
    }
}

/// Waits for the streams to end; posts have no end.
fn wait_for_streams(
    streams: &[StreamReading],
    servers: Option<&Servers>,
    recorder: &Recorder,
    stop: &Stop,
    report: &mut dyn FnMut(),
) {
    let goes_on = || {
        servers.is_some_and(|servers| !servers.has_ended())
            || streams.iter().any(|reading| !reading.thread.is_finished())
    };
    while !stop.load(Ordering::Acquire) && !recorder.has_failed() && goes_on() {
        report();
        std::thread::park_timeout(POLL);
    }
}

/// Answers what was posted, while the recorder is still there to commit it.
fn end_serving(servers: Option<Servers>) -> anyhow::Result<()> {
    match servers {
        Some(servers) => servers.stop().context("the HTTP source failed"),
        None => Ok(()),
    }
}

/// Ends the streams where they stand and collects their threads; one that still waits for input ends
/// with the process.
fn end_streams(streams: Vec<StreamReading>, recorder: &Recorder) -> anyhow::Result<()> {
    for reading in &streams {
        reading.source.end(&|| recorder.has_failed());
    }
    for reading in streams {
        if !reading.thread.is_finished() {
            continue;
        }
        match reading.thread.join() {
            Ok(result) => result.with_context(|| format!("cannot read {}", reading.name))?,
            Err(_) => anyhow::bail!("the reader of {} panicked", reading.name),
        }
    }
    Ok(())
}

/// Files that are followed, and what that needs.
struct Following<'a> {
    args: &'a Args,
    recorder: &'a Recorder,
    stop: &'a Stop,
    servers: Option<&'a Servers>,
}

impl Following<'_> {
    /// Follows files until a signal comes or the store fails, or to their ends; says how many could not be
    /// read.
    fn follow(&self, sources: Sources, running: &mut Running<'_>, console: &mut Console) -> usize {
        let args = self.args;
        let begin = match args.from {
            From::Start => Begin::Start,
            From::End => Begin::End,
        };
        let mut tailer = Tailer::new(sources.files, begin, self.recorder.checkpoints().to_vec());
        tailer.set_room(room_for_files(!args.once));
        let mut own_paths: Vec<PathBuf> = Vec::new();
        // The recorder has it open: what names it and reaches it cannot fail here.
        if let Ok(store) = args.store.url().and_then(|url| Ok(connect(&url)?)) {
            own_paths = store.files();
            tailer.exclude(identities(&own_paths));
        }
        let mut waker = Waker::ignoring(own_paths);
        let mut pace = Pace::new(Instant::now());
        // A file keeps what is not read yet, so nothing has to be dropped.
        let handle = (self.recorder).source(args.on_full.map_or(Full::Block, OnFull::full));
        let mut files = FileSources::new(tailer, handle, args.proxy.as_deref(), args.wanted());
        let mut progress = Progress::new(Unit::Bytes, console.is_message_terminal());
        loop {
            files.tailer().scan(Instant::now());
            let mut heed = || running.heed(console);
            let bytes = self.read_backlog(&mut files, &mut progress, &mut heed);
            if args.once && !self.is_over() {
                files.finish(&|| self.is_over());
            }
            for line in shortened(&files.tailer().take_notices(), args.verbose) {
                console.note(&line);
            }
            args.report_notes(console);
            if args.once || self.is_over() {
                return files.tailer().unread();
            }
            if running.heed(console) {
                continue;
            }
            waker.watch(files.tailer().directories());
            match pace.pause(Instant::now(), bytes > 0) {
                Some(pause) => std::thread::sleep(pause),
                None => {
                    waker.wait(mcpr_tail::POLL_INTERVAL);
                }
            }
            files.tailer().hint(waker.take_heard());
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.recorder.has_failed()
    }

    /// Reads until every file is at its end; says how many bytes that were.
    /// `heed` answers signals, and says whether the files are to be looked for anew.
    fn read_backlog(
        &self,
        files: &mut FileSources,
        progress: &mut Progress,
        heed: &mut dyn FnMut() -> bool,
    ) -> u64 {
        let mut done = 0;
        loop {
            // A backlog can take many minutes, and whoever asks wants an answer now.
            if heed() {
                files.tailer().scan(Instant::now());
            }
            // Before each turn: a backlog is what it is good to see.
            if let Some(servers) = self.servers {
                servers.see_files(files.tailer());
            }
            let outcome = files.read(&|| self.is_over());
            done += outcome.bytes;
            progress.update(done, files.tailer().backlog());
            if !outcome.progressed || outcome.stopped || self.is_over() {
                progress.finish();
                return done;
            }
        }
    }
}

/// The store's own files, which must never be opened as a source.
fn identities(own_files: &[PathBuf]) -> Vec<mcpr_model::FileIdentity> {
    own_files
        .iter()
        .filter_map(|file| file.metadata().ok())
        .map(|metadata| mcpr_tail::identity_of(&metadata))
        .collect()
}
