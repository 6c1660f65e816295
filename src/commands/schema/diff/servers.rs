//! Which servers of a store are compared: the one that was named, or each in turn.

use super::super::history::History;
use super::super::there_are_lists;
use super::Args;
use crate::commands::Refused;
use mcpr_store::StoreUrl;
use mcpr_surface::report::ReportFormat;

/// The proxies whose versions are compared, each with itself.
pub(super) fn compared(
    args: &Args,
    history: &mut History<'_>,
    store: &StoreUrl,
) -> anyhow::Result<Vec<String>> {
    let proxies = history.proxies().to_vec();
    // Reported first: in a store without lists no name would do.
    if proxies.is_empty() {
        return Err(Refused::new(format!("no lists of a server in {store}"))
            .hint("`mcpr schema diff OLD.json NEW.json` compares files")
            .into());
    }
    let meant = match &args.proxy {
        Some(name) if proxies.contains(name) => vec![name.clone()],
        Some(name) => return Err(no_lists("", name, &proxies).into()),
        None => of_method(args, history, proxies)?,
    };
    if let [first, _, ..] = &meant[..] {
        refuse_what_is_of_one(args, first, &meant)?;
    }
    Ok(meant)
}

/// What is reported about a name that no server has.
pub(super) fn no_lists(flag: &str, name: &str, proxies: &[String]) -> Refused {
    Refused::new(format!("{flag}no lists of proxy `{name}`"))
        .hint(there_are_lists(Some(name), proxies))
}

/// Those of which the list was seen that is asked for; all of them where it was of none, so that this is reported.
fn of_method(
    args: &Args,
    history: &mut History<'_>,
    proxies: Vec<String>,
) -> anyhow::Result<Vec<String>> {
    let Some(lists) = args.method else {
        return Ok(proxies);
    };
    let mut meant = Vec::new();
    for proxy in &proxies {
        let known = history.lists_of(proxy)?;
        if known.versions.iter().any(|row| lists.holds(&row.method)) {
            meant.push(proxy.clone());
        }
    }
    Ok(if meant.is_empty() { proxies } else { meant })
}

/// What reports one server, or is about one, asks which.
fn refuse_what_is_of_one(args: &Args, first: &str, meant: &[String]) -> Result<(), Refused> {
    let output = &args.output;
    let flag = if !output.json && output.format != ReportFormat::Text {
        "this --format"
    } else if !output.also.is_empty() {
        "--also"
    } else if args.gate.write_accept.is_some() {
        "--write-accept"
    } else if args.from.is_some() {
        "--from"
    } else if args.to.is_some() {
        "--to"
    } else {
        return Ok(());
    };
    Err(
        Refused::new(format!("which proxy? {flag} is about one server")).hint(format!(
            "add --proxy {first}; {}; without {flag}, each is compared in turn",
            there_are_lists(None, meant)
        )),
    )
}
