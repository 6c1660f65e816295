//! The picture of the README: the live screen over the sample, drawn from what a terminal emulator holds.

use super::{Watched, recorded};
use std::fmt::Write as _;
use std::path::Path;

/// The size of one character, in pixels.
const WIDTH: u16 = 8;
const HEIGHT: u16 = 18;
/// What the terminal shows where a program names no colour.
const FOREGROUND: &str = "#d4d7dd";
const BACKGROUND: &str = "#1b1e25";
/// The sixteen colours that a terminal has by name.
const NAMED: [&str; 16] = [
    "#3b4048", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4",
    "#6b7280", "#f28b94", "#b5dd98", "#f2d49b", "#86c5f7", "#d99aeb", "#7fd0da", "#ffffff",
];

fn colour(of: vt100::Color, default: &str) -> String {
    match of {
        vt100::Color::Default => default.to_owned(),
        vt100::Color::Idx(at) => NAMED[usize::from(at) % NAMED.len()].to_owned(),
        vt100::Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
    }
}

/// The screen as an SVG that needs nothing from elsewhere.
fn svg(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let (width, height) = (columns * WIDTH + 2 * WIDTH, rows * HEIGHT + HEIGHT);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         role=\"img\" aria-label=\"mcpr watch\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" \
         fill=\"{BACKGROUND}\"/>\n<g font-family=\"ui-monospace,Menlo,Consolas,monospace\" \
         font-size=\"13\" xml:space=\"preserve\">\n"
    );
    for row in 0..rows {
        let cells = (0..columns).filter_map(|column| Some((column, screen.cell(row, column)?)));
        for (column, cell) in cells {
            let (mut ink, mut paper) = (
                colour(cell.fgcolor(), FOREGROUND),
                colour(cell.bgcolor(), BACKGROUND),
            );
            if cell.inverse() {
                std::mem::swap(&mut ink, &mut paper);
            }
            let (x, y) = (WIDTH + column * WIDTH, HEIGHT / 2 + row * HEIGHT);
            if paper != BACKGROUND {
                // A little wider than the cell, so that no seam is seen between two.
                let wide = f32::from(WIDTH) + 0.5;
                writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{HEIGHT}\" fill=\"{paper}\"/>")
                    .unwrap();
            }
            let text = cell.contents();
            if text.trim().is_empty() {
                continue;
            }
            let text = text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            let baseline = y + 13;
            let weight = if cell.bold() {
                " font-weight=\"bold\""
            } else {
                ""
            };
            let faint = if cell.dim() { " opacity=\"0.6\"" } else { "" };
            writeln!(
                out,
                "<text x=\"{x}\" y=\"{baseline}\" fill=\"{ink}\"{weight}{faint}>{text}</text>"
            )
            .unwrap();
        }
    }
    out + "</g>\n</svg>\n"
}

/// `UPDATE_EXPECT=1` writes the picture anew. Its bytes are not compared, since the screen says how long ago
/// something was.
#[test]
fn the_picture_of_the_live_screen_shows_what_the_screen_does() {
    let home = recorded();
    let watched = Watched::start(&home, 100, 22, &["--utc"]);
    watched.expect("● live");
    watched.expect("no/such/method");
    let parser = watched.emulated();
    let picture = svg(parser.screen());
    watched.keys("q");
    assert_eq!(watched.end(), Some(0));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/watch.svg");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &picture).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap();
    for svg in [&picture, &checked_in] {
        let letters: String = svg
            .lines()
            .filter_map(|line| line.strip_prefix("<text")?.split_once('>'))
            .filter_map(|(_, rest)| rest.strip_suffix("</text>"))
            .collect();
        assert!(letters.contains("no/such/method"), "{letters}");
        assert!(letters.contains("requests"), "{letters}");
    }
}
