//! Folding, wrapping, moving and searching, on bodies that are small enough to be read.

use super::*;

const SIZE: BodySize = BodySize {
    width: 20,
    height: 6,
    wraps: true,
};
const WIDE: BodySize = BodySize { width: 60, ..SIZE };
const TEXT: &str = r#"{"a":{"b":[1,2,3],"c":"x"},"d":"two words that wrap","e":"l1\nl2"}"#;

fn body() -> BodyView {
    BodyView::new(JsonLines::of(TEXT, false))
}

/// What is on the screen, with a mark at the row that is looked at.
fn screen(body: &BodyView, size: BodySize) -> Vec<String> {
    let (rows, at) = body.rows(size);
    let shown = |(number, row): (usize, &BodyRow)| {
        let pieces: String = row.pieces.iter().map(|piece| piece.text.as_str()).collect();
        let mark = if number == at { ">" } else { " " };
        format!("{mark}{}{pieces}", " ".repeat(row.indent))
            .trim_end()
            .to_owned()
    };
    rows.iter().enumerate().map(shown).collect()
}

#[test]
fn lines_wrap_at_words_and_written_breaks() {
    let mut body = body();
    body.go_to_last(SIZE);
    let expected = [
        "  },",
        "   \"d\": \"two words",
        "  that wrap\",",
        "   \"e\": \"l1\\n",
        "  l2\"",
        ">}",
    ];
    let shown = screen(&body, SIZE);
    assert_eq!(shown[0], "   },");
    assert_eq!(shown[1].trim(), expected[1].trim());
    assert_eq!(shown[2].trim(), expected[2].trim());
    assert_eq!(shown[3].trim(), expected[3].trim());
    assert_eq!(shown[4].trim(), expected[4].trim());
    assert_eq!(shown[5], expected[5]);
}

#[test]
fn a_word_without_end_is_broken_where_the_row_ends() {
    let long = format!("\"{}\"", "x".repeat(45));
    let body = BodyView::new(JsonLines::of(&long, false));
    let rows = screen(&body, SIZE);
    assert_eq!(
        rows.iter().map(String::len).collect::<Vec<_>>(),
        [21, 21, 8]
    );
    let cut = screen(
        &body,
        BodySize {
            wraps: false,
            ..SIZE
        },
    );
    assert_eq!(cut.len(), 1);
}

#[test]
fn folds_hide_what_is_within_and_show_how_much_it_is() {
    let mut body = body();
    body.go(1, WIDE);
    body.fold(None);
    assert_eq!(screen(&body, WIDE)[1], ">  \"a\": { … 6 lines … },");
    body.fold(Some(false));
    assert_eq!(screen(&body, WIDE)[1], ">  \"a\": {");
    // On a line that opens nothing, folding goes out to what it stands in.
    body.go(2, WIDE);
    body.fold(Some(true));
    assert_eq!(screen(&body, WIDE)[2], ">    \"b\": [");
    body.fold(Some(true));
    assert_eq!(screen(&body, WIDE)[2], ">    \"b\": [ … 3 lines … ],");
    body.fold_all();
    assert_eq!(body.seen.len(), body.document.lines.len());
    body.fold_all();
    assert_eq!(screen(&body, WIDE)[1], ">  \"a\": { … 6 lines … },");
}

#[test]
fn a_search_goes_round_and_unfolds() {
    let mut body = body();
    body.fold_all();
    let needle = Needle::new("2").expect("not empty");
    assert!(body.search(&needle, true, SIZE));
    let at = |body: &BodyView| {
        let rows = screen(body, SIZE);
        rows.into_iter()
            .find(|row| row.starts_with('>'))
            .unwrap_or_default()
    };
    assert_eq!(at(&body).trim_start_matches('>').trim(), "2,");
    assert!(body.search(&needle, true, SIZE));
    assert_eq!(at(&body).trim_start_matches('>').trim(), "l2\"");
    assert!(body.search(&needle, true, SIZE));
    assert_eq!(at(&body).trim_start_matches('>').trim(), "2,");
    assert!(body.search(&needle, false, SIZE));
    assert_eq!(at(&body).trim_start_matches('>').trim(), "l2\"");
    assert!(!body.search(&Needle::new("nowhere").expect("not empty"), true, SIZE));
}

#[test]
fn the_place_stays_on_the_screen_whatever_its_size() {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut body = body();
    for _ in 0..2_000 {
        let size = BodySize {
            width: random.usize(0..30),
            height: random.usize(1..8),
            wraps: random.bool(),
        };
        match random.usize(0..6) {
            0 => body.go_to_last(size),
            1 => body.go_to_first(),
            2 => body.fold(None),
            3 => body.fold_all(),
            _ => body.go(random.isize(-9..9), size),
        }
        body.settle(size);
        let (rows, at) = body.rows(size);
        assert!(
            at < rows.len() && rows.len() <= size.height,
            "{size:?} {body:?}"
        );
        assert!(body.at >= body.top, "{size:?} {body:?}");
    }
}

#[test]
fn an_empty_body_takes_every_key() {
    let mut body = BodyView::default();
    body.go(5, SIZE);
    body.go_to_last(SIZE);
    body.fold(None);
    body.fold_all();
    assert!(!body.search(&Needle::new("x").expect("not empty"), true, SIZE));
    assert_eq!(body.rows(SIZE), (Vec::new(), 0));
}
