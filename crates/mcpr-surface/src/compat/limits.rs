//! The limits of the comparison: what is larger ends as undecided, with the reason, never in a
//! stack overflow or an endless search. All are counts: the same input meets them everywhere.

/// How deep a schema may be nested, with its references followed.
pub(super) const MAX_DEPTH: usize = 256;

/// How many subschemas a schema may have, with its references followed.
pub(super) const MAX_NODES: usize = 60_000;

/// The stack of a comparing thread, in bytes: recursion of the engine over [`MAX_DEPTH`] levels.
pub(super) const STACK_BYTES: usize = 64 << 20;

/// How many steps one comparison may take: about a second's work.
pub(super) const MAX_STEPS: u64 = 1_500_000;

/// How many steps all comparisons of one item may take together: what is not judged by then is
/// undecided.
pub(super) const MAX_ITEM_STEPS: u64 = 4_000_000;

/// How many steps all comparisons of one diff may take together, shared out among its items.
pub(super) const MAX_TOTAL_STEPS: u64 = 100_000_000;

/// How many steps an item gets, however many there are: enough for a few hard comparisons.
pub(super) const MIN_ITEM_STEPS: u64 = 600_000;

/// How deep the JSON of a schema may be nested: two levels for each of [`MAX_DEPTH`].
pub(super) const MAX_JSON_DEPTH: usize = 2 * MAX_DEPTH;

/// How many instances a witness search tries.
pub(super) const MAX_CANDIDATES: usize = 1_500;

/// How many steps a witness is looked for before the engine weighs the whole.
// A fifth of what one comparison may take: the proof has the rest.
pub(super) const MAX_EARLY_STEPS: u64 = 300_000;

/// How many values the search keeps for one place of a schema.
pub(super) const MAX_PLACE_VALUES: usize = 48;

/// How many values of one place are enough where each is long, or both sides say the same.
pub(super) const ENOUGH_VALUES: usize = 4;

/// How long the values of one place may be together before no more than those are kept: those around
/// them are built from each, level by level.
pub(super) const MAX_PLACE_BYTES: usize = 4_000;

/// How many answers are kept while surfaces are compared.
pub(super) const MAX_ANSWERS: usize = 10_000;

/// How long their texts may be together, in bytes.
pub(super) const MAX_ANSWER_BYTES: usize = 8 << 20;
