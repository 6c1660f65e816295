//! Answers from a look at everything there is, for a backend that keeps nothing to answer faster with:
//! the reference, and stores of other programs. A backend calls them by name, or does without.

use crate::query::{
    ClientRow, ClientsFold, Cursor, Entry, Filter, NameFold, NameKind, Operation, OperationSums,
    OperationsCount, OperationsFold, Page, Pattern, RequestRow, SessionFilter, SessionKey,
    SessionPage, SessionRow, Slowest, SourceRow, StatsFold, StatsKey, StatsQuestion, StatsRow,
    SurfacePage, Surfaces, TraceRow, TracesFold,
};
use crate::{Reader, RollupRow, StoreError};
use mcpr_model::{Checkpoint, ServerRun};
use std::collections::BTreeMap;

/// Shows every request that a filter lets through, oldest first.
///
/// # Errors
/// When the store cannot be read.
pub fn each_request<R: Reader + ?Sized>(
    reader: &R,
    filter: &Filter,
    take: &mut dyn FnMut(RequestRow),
) -> Result<(), StoreError> {
    let mut page = Page::after(Cursor::START, Page::MAX_LIMIT);
    loop {
        let entries = reader.entries(filter, page)?;
        // A full page may be the last one, too: that costs one empty page and needs no count.
        let is_last = entries.len() < page.limit;
        page.after = entries.last().map(Entry::cursor).or(page.after);
        for entry in entries {
            if let Entry::Request(row) = entry {
                take(*row);
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Shows every session that a filter lets through, oldest first.
///
/// # Errors
/// When the store cannot be read.
pub fn each_session<R: Reader + ?Sized>(
    reader: &R,
    filter: &SessionFilter,
    take: &mut dyn FnMut(SessionRow),
) -> Result<(), StoreError> {
    let mut page = SessionPage::oldest(Page::MAX_LIMIT);
    loop {
        let rows = reader.sessions(filter, &page)?;
        let is_last = rows.len() < page.limit;
        page.after = rows.last().map(SessionRow::place).or(page.after);
        rows.into_iter().for_each(&mut *take);
        if is_last {
            return Ok(());
        }
    }
}

/// Everything that is known of surfaces: of one proxy, or of all.
///
/// # Errors
/// When the store cannot be read.
pub fn surfaces<R: Reader + ?Sized>(
    reader: &R,
    proxy: Option<&str>,
) -> Result<Surfaces, StoreError> {
    let mut page = SurfacePage::of(proxy);
    let mut all = Surfaces::default();
    loop {
        let part = reader.surfaces(&page)?;
        let mut lists = part.lists();
        let is_last = lists.len() < page.limit;
        page.after = lists.pop_last().or(page.after);
        all.append(part);
        if is_last {
            return Ok(all);
        }
    }
}

/// Shows what is known of the lists of each proxy, or of one, without their texts: proxy by proxy, in
/// alphabetical order. Never more is held than a page and the lists of one proxy.
///
/// # Errors
/// When the store cannot be read, or what `take` says.
pub fn each_server<R: Reader + ?Sized, E: From<StoreError>>(
    reader: &R,
    proxy: Option<&str>,
    take: &mut dyn FnMut(&str, Surfaces) -> Result<(), E>,
) -> Result<(), E> {
    let mut page = SurfacePage::without_texts(proxy);
    let mut held = Surfaces::default();
    loop {
        let part = reader.surfaces(&page)?;
        let mut lists = part.lists();
        let is_last = lists.len() < page.limit;
        page.after = lists.pop_last().or(page.after);
        held.append(part);
        // Of the last proxy more may stand on the next page.
        let open = page.after.as_ref().filter(|_| !is_last);
        while let Some(first) = held.first_proxy() {
            if open.is_some_and(|open| open.proxy == first) {
                break;
            }
            let of_it = held.take_proxy(&first);
            take(&first, of_it)?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Every source, by name.
///
/// # Errors
/// When the store cannot be read.
pub fn sources<R: Reader + ?Sized>(reader: &R) -> Result<Vec<SourceRow>, StoreError> {
    let mut all: Vec<SourceRow> = Vec::new();
    loop {
        let after = all.last().map(|row| row.name.as_str());
        let page = reader.sources(after, Page::MAX_LIMIT)?;
        let is_last = page.len() < Page::MAX_LIMIT;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

/// The checkpoint of every file source, by path.
///
/// # Errors
/// When the store cannot be read.
pub fn file_checkpoints<R: Reader + ?Sized>(reader: &R) -> Result<Vec<Checkpoint>, StoreError> {
    let mut all = Vec::new();
    loop {
        let page = reader.file_checkpoints(all.last(), Page::MAX_LIMIT)?;
        let is_last = page.len() < Page::MAX_LIMIT;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

/// The answer of [`Reader::slowest`].
///
/// # Errors
/// When the store cannot be read.
pub fn slowest<R: Reader + ?Sized>(
    reader: &R,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<RequestRow>, StoreError> {
    let mut slowest = Slowest::new(limit);
    each_request(reader, filter, &mut |row| slowest.offer(row))?;
    Ok(slowest.finish())
}

/// The answer of [`Reader::stats`].
///
/// # Errors
/// When the store cannot be read.
pub fn stats<R: Reader + ?Sized>(
    reader: &R,
    question: &StatsQuestion,
) -> Result<Vec<StatsRow>, StoreError> {
    stats_of(reader, question, &|filter, take| {
        each_request(reader, filter, take)
    })
}

/// How a backend shows every request that a filter lets through, in any order.
pub type EachRequest<'a> =
    &'a dyn Fn(&Filter, &mut dyn FnMut(RequestRow)) -> Result<(), StoreError>;

/// The same for a backend that finds the requests of a time without a look at all others.
///
/// # Errors
/// When the store cannot be read.
pub fn stats_of<R: Reader + ?Sized>(
    reader: &R,
    question: &StatsQuestion,
    each: EachRequest<'_>,
) -> Result<Vec<StatsRow>, StoreError> {
    let mut fold = StatsFold::new(question);
    let edges = question.edges();
    reader.rollups(&mut |rollup| {
        fold.hour(&rollup);
        let key = &rollup.key;
        // Of an hour that the window cuts, rows are counted one by one; its sum shows how many of
        // them are gone.
        let is_touched = edges.iter().any(|edge| {
            let (first, end) = StatsQuestion::hours_of(edge);
            (first..end).contains(&key.hour)
        });
        if is_touched && question.takes_rollup(key) {
            fold.touched_hour(&rollup);
        }
    })?;
    for edge in &edges {
        // Whole hours are read: rows outside the window still have to be taken off their hour's
        // sum.
        each(&StatsQuestion::widened(edge), &mut |row| {
            fold.touched_request(&row);
            if edge.holds_time(row.ts) {
                fold.request(&row);
            }
        })?;
    }
    Ok(fold.finish())
}

/// The sums of the requests that a whole filter takes, also by what hourly sums do not know: client, session,
/// status and text. Requests that were removed are in none.
///
/// # Errors
/// When the store cannot be read.
pub fn stats_of_requests<R: Reader + ?Sized>(
    reader: &R,
    question: &StatsQuestion,
) -> Result<Vec<StatsRow>, StoreError> {
    let mut fold = StatsFold::new(question);
    // The filter decides here, once: the fold looks at less of it.
    each_request(reader, &question.filter, &mut |row| fold.request(&row))?;
    Ok(fold.finish())
}

/// The operations of the requests that a question takes, by its lines; at most so many lines.
///
/// # Errors
/// When the store cannot be read.
pub fn operations<R: Reader + ?Sized>(
    reader: &R,
    question: &StatsQuestion,
    most: usize,
) -> Result<BTreeMap<StatsKey, OperationSums>, StoreError> {
    // A window cuts operations: what goes on behind its end, or began before it, is not read.
    let filter = Filter {
        // Polls have no tool, and belong to the call of one.
        methods: Vec::new(),
        tools: Vec::new(),
        without_polls: false,
        ..question.filter.clone()
    };
    let mut count = OperationsCount::new(question, most);
    each_request(reader, &filter, &mut |row| count.add(&row))?;
    Ok(count.finish())
}

/// The operations of several requests in a session, and those that are to have more, in the order in which they began.
///
/// # Errors
/// When the store cannot be read.
pub fn operations_of_session<R: Reader + ?Sized>(
    reader: &R,
    key: &SessionKey,
) -> Result<Vec<Operation>, StoreError> {
    let filter = Filter {
        session: Some(key.clone()),
        is_part: true,
        ..Filter::default()
    };
    let (mut fold, mut found) = (OperationsFold::default(), Vec::new());
    each_request(reader, &filter, &mut |row| found.extend(fold.add(&row)))?;
    found.extend(fold.finish());
    // One that waits for input is a question until it is answered, which a single request does not say.
    found.retain(|operation| operation.seqs.len() > 1 || operation.is_open());
    found.sort_by_key(|operation| (operation.first.ts, operation.first.seq));
    Ok(found)
}

/// Most sessions of a proxy that are looked at for the connections of another one.
const MAX_LOOKED_AT: usize = Page::MAX_LIMIT;

/// The connections over which a server was reached in a time, the oldest first: what taps keep of those whose requests
/// say of no session that they are of it. Which of several a request came through is not known.
///
/// # Errors
/// When the store cannot be read.
pub fn connections<R: Reader + ?Sized>(
    reader: &R,
    proxy: &str,
    since: i64,
    until: i64,
) -> Result<Vec<(SessionRow, ServerRun)>, StoreError> {
    let filter = SessionFilter {
        proxy: Some(Pattern::name(proxy)),
        // It began before, and nobody says when it was used last.
        until: Some(until.saturating_add(1)),
        with_empty: true,
        ..SessionFilter::default()
    };
    let rows = reader.sessions(&filter, &SessionPage::used_last(MAX_LOOKED_AT))?;
    let mut found = Vec::new();
    for row in rows {
        let is_over = row.ended_at.is_some_and(|ended| ended < since);
        if row.inferred || is_over {
            continue;
        }
        let run = reader.server_run(&row.key())?;
        found.extend(run.filter(ServerRun::is_connection).map(|run| (row, run)));
    }
    found.sort_by_key(|(row, _)| (row.started_at, row.session_id.clone()));
    Ok(found)
}

/// What is known of the server that a request of a session reached: the one that a tap ran for the session, or for the
/// only connection that there was then.
///
/// # Errors
/// When the store cannot be read.
pub fn server_run_at<R: Reader + ?Sized>(
    reader: &R,
    key: &SessionKey,
    ts: i64,
) -> Result<Option<ServerRun>, StoreError> {
    if !key.id.starts_with('~') {
        return reader.server_run(key);
    }
    let mut found = connections(reader, &key.proxy, ts, ts)?;
    let only = found.pop().filter(|_| found.is_empty());
    Ok(only.map(|(_, run)| run))
}

/// The traces of the requests that a filter takes, the newest first and at most so many, and how many are left out.
///
/// # Errors
/// When the store cannot be read.
pub fn traces<R: Reader + ?Sized>(
    reader: &R,
    filter: &Filter,
    most: usize,
) -> Result<(Vec<TraceRow>, u64), StoreError> {
    let filter = Filter {
        has_trace: true,
        ..filter.clone()
    };
    let mut fold = TracesFold::new(most);
    each_request(reader, &filter, &mut |row| fold.add(&row))?;
    Ok(fold.finish())
}

/// The answer of [`Reader::clients`].
///
/// # Errors
/// When the store cannot be read.
pub fn clients<R: Reader + ?Sized>(
    reader: &R,
    filter: &SessionFilter,
    most: usize,
) -> Result<Vec<ClientRow>, StoreError> {
    let mut clients = ClientsFold::default();
    each_session(reader, filter, &mut |row| clients.add(&row))?;
    Ok(clients.finish(most))
}

/// The answer of [`Reader::names`].
///
/// # Errors
/// When the store cannot be read.
pub fn names<R: Reader + ?Sized>(
    reader: &R,
    kind: NameKind,
    prefix: &str,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let mut names = NameFold::new(kind, prefix, limit);
    reader.rollups(&mut |row| names.add_rollup(&row.key))?;
    let every = SessionFilter {
        with_empty: true,
        ..SessionFilter::default()
    };
    each_session(reader, &every, &mut |row| names.add_session(&row))?;
    Ok(names.finish())
}

/// The answer of [`Reader::span`]: of the requests that there are, and of the hours of the sums.
///
/// # Errors
/// When the store cannot be read.
pub fn span<R: Reader + ?Sized>(reader: &R) -> Result<Option<(i64, i64)>, StoreError> {
    let mut span = reader.overview()?.span;
    reader.rollups(&mut |RollupRow { key, .. }| {
        let (oldest, newest) = span.unwrap_or((key.hour, key.hour));
        span = Some((oldest.min(key.hour), newest.max(key.hour)));
    })?;
    Ok(span)
}
