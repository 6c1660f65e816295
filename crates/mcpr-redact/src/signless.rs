//! A form without a sign, met in a text: whether its pattern fits there, and which of its groups are secrets. Must
//! not hold the forms; see [`super::forms`].

use super::forms::{FormWindow, Looks, SignlessForm, WINDOW_BYTES};
use super::keys::{self, Secrecy};
use super::scan::Pass;
use super::{value, words};
use regex::bytes::Captures;
use std::ops::Range;

impl Pass<'_> {
    pub(super) fn form(&mut self, form: &SignlessForm, hit: &Range<usize>) {
        let text = self.text;
        let is_exact = |finder: &&&str| finder.as_bytes() == &text[hit.clone()];
        let is_cased = form.finders[0]
            .bytes()
            .any(|byte| byte.is_ascii_uppercase());
        let is_of_word = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphanumeric);
        // Of a call the finder may be the end of its name: `HTTPBasicAuth(`.
        let is_within = form.looks != Looks::Quoted
            && is_of_word(hit.start)
            && is_of_word(hit.start.wrapping_sub(1));
        if is_within || is_cased && !form.finders.iter().any(|finder| is_exact(&finder)) {
            return;
        }
        let from = match form.reach {
            FormWindow::From => hit.start,
            FormWindow::Before | FormWindow::Around => {
                hit.start.saturating_sub(WINDOW_BYTES).max(self.at)
            }
        };
        let to = match form.reach {
            FormWindow::Before => hit.start,
            FormWindow::From | FormWindow::Around => text.len().min(hit.end + WINDOW_BYTES),
        };
        let window = &text[from..to];
        let mut at = 0;
        // A form that stands before this one may be in the window, too.
        while let Some(found) = form.pattern.captures_at(window, at) {
            let whole = found.get(0).map_or(0..0, |whole| whole.range());
            let is_here = form.reach != FormWindow::Around || from + whole.end >= hit.end;
            if is_here {
                return self.take_form(form, &found, from);
            }
            at = whole.end.max(at + 1);
        }
    }

    fn take_form(&mut self, form: &SignlessForm, found: &Captures<'_>, from: usize) {
        let text = self.text;
        if let Some(name) = found.name("name")
            && keys::secrecy(name.as_bytes()) < Secrecy::NoNumber
        {
            return;
        }
        let name = found.name("name").map(|name| name.range());
        for group in found.iter().skip(1).flatten() {
            if Some(group.range()) == name {
                continue;
            }
            let at = from + group.start();
            let (secret, end, is_quoted) = if group.is_empty() {
                let at = super::signs::after_scheme(text, at);
                let Some(value) =
                    value::value(text, at, &self.steps).filter(|value| !value.is_code)
                else {
                    continue;
                };
                (value.secret, value.end, value.is_quoted)
            } else {
                (at..at + group.len(), at + group.len(), false)
            };
            if is_meant(form.looks, &text[secret.clone()], is_quoted) {
                self.take(secret, end, "key");
            }
        }
    }
}

fn is_meant(looks: Looks, candidate: &[u8], is_quoted: bool) -> bool {
    const LOOKED_AT: usize = 512;
    let short = &candidate[..candidate.len().min(LOOKED_AT)];
    let has = |test: fn(&u8) -> bool| short.iter().any(test);
    // Where a usage line has a value, its name stands in capitals.
    let is_of_name = short
        .iter()
        .all(|byte| byte.is_ascii_uppercase() || b"_<>[]".contains(byte));
    if words::is_placeholder(short)
        || short.starts_with(b"-")
        || is_of_name
        || is_quoted && has(u8::is_ascii_whitespace) && words::is_sentence(short)
    {
        return false;
    }
    let is_expression = !is_quoted && words::is_expression(short);
    match looks {
        Looks::Word => !is_expression,
        Looks::Login => !is_expression && !short.iter().all(u8::is_ascii_digit),
        Looks::Quoted => is_quoted && !has(u8::is_ascii_whitespace),
        Looks::Mixed => {
            // A way to authenticate is written in capitals: `XOAUTH2`.
            let is_of_cases = short.len() >= 8 && has(u8::is_ascii_uppercase);
            has(u8::is_ascii_lowercase) && (has(u8::is_ascii_digit) || is_of_cases)
        }
    }
}
