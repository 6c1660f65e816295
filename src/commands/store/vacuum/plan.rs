//! What a vacuum is going to remove, and how much that is. Must not remove anything.

use super::Args;
use crate::commands::args::moment;
use crate::commands::{Refused, now_ms};
use crate::query::when::Zone;
use crate::render::units::{grouped, time};
use crate::store::Retention;
use crate::store::sqlite::SqliteStore;

/// What is to be removed: requests with all that is theirs, and payloads of requests that stay.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) requests: Option<Retention>,
    pub(super) payloads: Option<Retention>,
    /// Whether a size is to be reached, and how much has to go for that is a guess.
    is_guess: bool,
}

/// How many there are of each: requests with gaps, and payloads.
#[derive(Default, Clone, Copy)]
pub(super) struct Extent {
    pub(super) requests: u64,
    pub(super) payloads: u64,
}

impl Plan {
    pub(super) fn extent(&self, store: &SqliteStore) -> anyhow::Result<Extent> {
        let requests = self.requests.as_ref().map(|what| store.count_of(what));
        let payloads = self.payloads.as_ref();
        let payloads = payloads.map(|what| store.count_of_payloads(what));
        Ok(Extent {
            requests: requests.transpose()?.unwrap_or(0),
            payloads: payloads.transpose()?.unwrap_or(0),
        })
    }

    pub(super) fn words(&self, extent: Extent, zone: Zone) -> String {
        let about = if self.is_guess { "about " } else { "" };
        let part = |what: &Option<Retention>, count: u64, noun: &str| {
            let what = what.as_ref()?;
            let of = of_proxy(what.proxy.as_ref());
            let (count, before) = (grouped(count), time(what.before, zone));
            Some(format!("{about}{count} {noun}{of} older than {before}"))
        };
        let parts = [
            part(&self.requests, extent.requests, "rows"),
            part(&self.payloads, extent.payloads, "payloads"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join(" and ")
    }
}

/// Words behind a noun that say whose it is.
pub(super) fn of_proxy(proxy: Option<&String>) -> String {
    proxy.map_or_else(String::new, |proxy| format!(" of proxy `{proxy}`"))
}

fn retention(args: &Args, flag: &str, text: &str) -> Result<Retention, Refused> {
    let zone = if args.utc { Zone::Utc } else { Zone::Local };
    Ok(Retention {
        before: moment(flag, text, now_ms(), zone)?,
        proxy: args.proxy.clone(),
    })
}

/// What is to be removed: nothing, where the store is small enough.
pub(super) fn plan(args: &Args, store: &SqliteStore) -> anyhow::Result<Plan> {
    let of = |flag: &str, text: &Option<String>| {
        let text = text.as_ref().map(|text| retention(args, flag, text));
        text.transpose()
    };
    let payloads = of("--payloads-before", &args.payloads_before)?;
    match args.max_size {
        Some(most) => plan_for_size(args, store, payloads, most),
        None => Ok(Plan {
            requests: of("--before", &args.before)?,
            payloads,
            is_guess: false,
        }),
    }
}

/// The oldest payloads, and where they are not enough, the oldest requests.
fn plan_for_size(
    args: &Args,
    store: &SqliteStore,
    payloads: Option<Retention>,
    most: u64,
) -> anyhow::Result<Plan> {
    let too_much = store.used_bytes()?.saturating_sub(most);
    let oldest = match too_much {
        0 => None,
        _ => store.oldest_payloads(args.proxy.as_deref(), too_much)?,
    };
    let in_payloads = oldest.map_or(0, |(_, bytes)| bytes);
    let oldest = oldest.map(|(before, _)| Retention {
        before,
        proxy: args.proxy.clone(),
    });
    let requests = requests_beyond(args, store, most.saturating_add(in_payloads))?;
    let all = store.count_of(&all_of(args.proxy.clone()))?;
    let is_all = match &requests {
        Some(what) => store.count_of(what)? >= all,
        None => oldest.is_none(),
    };
    Ok(Plan {
        requests,
        payloads: payloads.or(oldest),
        is_guess: !is_all,
    })
}

fn all_of(proxy: Option<String>) -> Retention {
    let before = i64::MAX;
    Retention { before, proxy }
}

/// The oldest requests, as many as take what is too much.
pub(super) fn requests_beyond(
    args: &Args,
    store: &SqliteStore,
    most: u64,
) -> anyhow::Result<Option<Retention>> {
    let used = store.used_bytes()?;
    if used <= most {
        return Ok(None);
    }
    let proxy = args.proxy.clone();
    // Every request takes about the same space, and an empty store takes some too.
    let all = store.count_of(&all_of(None))?;
    let in_requests = used.saturating_sub(SqliteStore::empty_bytes()?).max(1);
    let share = u128::from(used - most) * u128::from(all) / u128::from(in_requests);
    let requests = u64::try_from(share).unwrap_or(all).clamp(1, all.max(1));
    let before = store.time_after_oldest(proxy.as_deref(), requests)?;
    Ok(before.map(|before| Retention { before, proxy }))
}
