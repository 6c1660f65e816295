//! What a vacuum is going to remove, and how much that is. Must not remove anything.

use super::Args;
use crate::commands::args::moment;
use crate::commands::{Refused, now_ms};
use crate::render::units::{grouped, time};
use mcpr_store::query::when::Zone;
use mcpr_store::{Admin, Class, Retention};

/// What is to be removed: requests with all that is theirs, and payloads of requests that stay.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) requests: Option<Retention>,
    pub(super) payloads: Option<Retention>,
    pub(super) sums: Option<Retention>,
    pub(super) versions: Option<Retention>,
    /// Whether a size is to be reached, and how much has to go for that is a guess.
    is_guess: bool,
}

/// How many there are of each: requests with gaps, payloads, hourly sums, versions of lists, names.
#[derive(Default, Clone, Copy)]
pub(super) struct Extent {
    pub(super) requests: u64,
    pub(super) payloads: u64,
    pub(super) sums: u64,
    pub(super) versions: u64,
    pub(super) names: u64,
}

impl Extent {
    pub(super) fn is_nothing(&self) -> bool {
        let Self {
            requests,
            payloads,
            sums,
            versions,
            names,
        } = *self;
        [requests, payloads, sums, versions, names] == [0; 5]
    }

    /// What was removed, in words.
    pub(super) fn words(&self) -> String {
        let others = [
            (self.payloads, "payloads"),
            (self.sums, "hourly sums"),
            (self.versions, "versions of lists"),
            (self.names, "names"),
        ];
        let mut parts = vec![format!("{} rows", grouped(self.requests))];
        let others = others.iter().filter(|(count, _)| *count > 0);
        parts.extend(others.map(|(count, noun)| format!("{} {noun}", grouped(*count))));
        let last = parts.pop().unwrap_or_default();
        if parts.is_empty() {
            last
        } else {
            format!("{} and {last}", parts.join(", "))
        }
    }
}

impl Plan {
    /// Whether nothing is to be removed.
    pub(super) fn is_empty(&self) -> bool {
        let parts = [&self.requests, &self.payloads, &self.sums, &self.versions];
        parts.iter().all(|part| part.is_none())
    }

    pub(super) fn extent(&self, store: &dyn Admin) -> anyhow::Result<Extent> {
        let requests = self.requests.as_ref().map(|what| store.count_of(what));
        let payloads = self.payloads.as_ref();
        let payloads = payloads.map(|what| store.count_of(what));
        Ok(Extent {
            requests: requests.transpose()?.unwrap_or(0),
            payloads: payloads.transpose()?.unwrap_or(0),
            ..Extent::default()
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
        let uncounted = |what: &Option<Retention>, noun: &str| {
            let what = what.as_ref()?;
            let of = of_proxy(what.proxy.as_ref());
            let before = time(what.before, zone);
            Some(format!("{noun}{of} older than {before}"))
        };
        let uncounted = [
            uncounted(&self.sums, "hourly sums"),
            uncounted(&self.versions, "versions of lists"),
        ];
        let parts: Vec<String> = parts.into_iter().chain(uncounted).flatten().collect();
        parts.join(" and ")
    }
}

/// Words behind a noun that say whose it is.
pub(super) fn of_proxy(proxy: Option<&String>) -> String {
    proxy.map_or_else(String::new, |proxy| format!(" of proxy `{proxy}`"))
}

fn retention(args: &Args, class: Class, flag: &str, text: &str) -> Result<Retention, Refused> {
    let zone = if args.utc { Zone::Utc } else { Zone::Local };
    let before = moment(flag, text, now_ms(), zone)?;
    Ok(Retention::of(class, before).of_proxy(args.proxy.clone()))
}

/// What is to be removed: nothing, where the store is small enough.
pub(super) fn plan(args: &Args, store: &dyn Admin) -> anyhow::Result<Plan> {
    let of = |class: Class, flag: &str, text: &Option<String>| {
        let text = text.as_ref();
        let what = text.map(|text| retention(args, class, flag, text));
        what.transpose()
    };
    let payloads = of(Class::Payloads, "--payloads-before", &args.payloads_before)?;
    let plan = match args.max_size {
        Some(most) => plan_for_size(args, store, payloads, most)?,
        None => Plan {
            requests: of(Class::Requests, "--before", &args.before)?,
            payloads,
            ..Plan::default()
        },
    };
    Ok(Plan {
        sums: of(Class::Sums, "--sums-before", &args.sums_before)?,
        versions: of(Class::Surfaces, "--versions-before", &args.versions_before)?,
        ..plan
    })
}

/// The oldest payloads, and where they are not enough, the oldest requests.
fn plan_for_size(
    args: &Args,
    store: &dyn Admin,
    payloads: Option<Retention>,
    most: u64,
) -> anyhow::Result<Plan> {
    let too_much = store.used_bytes()?.saturating_sub(most);
    let oldest = match too_much {
        0 => None,
        _ => store.oldest(Class::Payloads, args.proxy.as_deref(), too_much)?,
    };
    let in_payloads = oldest.map_or(0, |oldest| oldest.bytes);
    let oldest = oldest
        .map(|oldest| Retention::of(Class::Payloads, oldest.before).of_proxy(args.proxy.clone()));
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
        ..Plan::default()
    })
}

fn all_of(proxy: Option<String>) -> Retention {
    Retention::before(i64::MAX).of_proxy(proxy)
}

/// The oldest requests, as many as take what is too much.
pub(super) fn requests_beyond(
    args: &Args,
    store: &dyn Admin,
    most: u64,
) -> anyhow::Result<Option<Retention>> {
    let used = store.used_bytes()?;
    if used <= most {
        return Ok(None);
    }
    let proxy = args.proxy.clone();
    // Every request takes about the same space, and an empty store takes some too.
    let all = store.count_of(&all_of(None))?;
    let in_requests = used.saturating_sub(store.empty_bytes()?).max(1);
    // A share of all rows, whatever the proxy: only the store as a whole has a size. The product
    // may not fit into 64 bits.
    let share = u128::from(used - most) * u128::from(all) / u128::from(in_requests);
    // At least one, or a round would come no closer.
    let requests = u64::try_from(share).unwrap_or(all).clamp(1, all.max(1));
    let before = store.time_after_oldest(proxy.as_deref(), requests)?;
    Ok(before.map(|before| Retention::before(before).of_proxy(proxy)))
}
