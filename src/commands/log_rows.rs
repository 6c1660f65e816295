//! From stored requests to the rows of a list, with what was asked where that is kept.

use crate::render::{LogRow, arguments};
use mcpr_model::Payload;
use mcpr_store::query::Entry;
use mcpr_store::{Reader, StoreError};
use std::collections::HashMap;

/// Payloads fetched at once: each may take some hundred kilobytes.
const PAYLOADS_AT_ONCE: usize = 32;

/// Most bytes of whole arguments beside short ones in one page; what is beyond is there in short.
const MAX_WHOLE_BYTES: usize = 8 << 20;

/// How much of what was asked is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArgumentsForm {
    /// In short.
    Short,
    /// In short, and whole beside it.
    ShortAndWhole,
    /// As long as it is kept.
    Whole,
}

/// The rows with their arguments, where payloads are kept.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn with_arguments(
    reader: &dyn Reader,
    entries: Vec<Entry>,
    form: ArgumentsForm,
) -> Result<Vec<LogRow>, StoreError> {
    let mut rows: Vec<LogRow> = entries.into_iter().map(LogRow::from).collect();
    // One cheap question spares one for each piece where nothing is kept.
    let Some((first, last)) = reader.payload_span()? else {
        return Ok(rows);
    };
    let mut whole_bytes = 0;
    for piece in rows.chunks_mut(PAYLOADS_AT_ONCE) {
        let kept = piece.iter().map(|row| &row.entry);
        let kept = kept.filter(|it| it.is_request() && (first..=last).contains(&it.cursor()));
        let seqs: Vec<i64> = kept.map(Entry::seq).collect();
        if seqs.is_empty() {
            continue;
        }
        let payloads: HashMap<i64, Payload> = reader.payloads(&seqs)?.into_iter().collect();
        for row in piece {
            let Entry::Request(request) = &row.entry else {
                continue;
            };
            let payload = payloads.get(&request.seq);
            if form == ArgumentsForm::Whole {
                row.arguments = arguments::whole(request, payload);
                continue;
            }
            row.arguments = arguments::of(request, payload);
            if form == ArgumentsForm::ShortAndWhole && whole_bytes < MAX_WHOLE_BYTES {
                let whole = arguments::whole(request, payload);
                // Most are short, and need no second form.
                row.whole_arguments = whole.filter(|whole| row.arguments.as_ref() != Some(whole));
                whole_bytes += row.whole_arguments.as_ref().map_or(0, String::len);
            }
        }
    }
    Ok(rows)
}

/// Whether payloads of any of them may be kept.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn has_payloads(reader: &dyn Reader, entries: &[Entry]) -> Result<bool, StoreError> {
    let span = reader.payload_span()?;
    Ok(span.is_some_and(|(first, last)| {
        entries
            .iter()
            .any(|entry| (first..=last).contains(&entry.cursor()))
    }))
}
