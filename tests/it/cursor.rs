//! The cursor file through the built program: it goes on where the last run ended, however the file
//! came to be and wherever it is.

use super::kill::line;
use super::program::Home;
use std::fmt::Write as _;
use std::fs;

fn recorded(numbers: std::ops::Range<u64>) -> Home {
    let home = Home::new();
    record(&home, numbers);
    home
}

fn record(home: &Home, numbers: std::ops::Range<u64>) {
    let name = format!("{}.log", numbers.start);
    home.record(&[&home.write(&name, numbers.map(line).collect::<String>())]);
}

fn lines(home: &Home, arguments: &[&str]) -> usize {
    home.succeed(&[&["logs", "--json"], arguments].concat())
        .lines()
        .count()
}

#[test]
fn an_empty_cursor_file_is_a_beginning() {
    let home = recorded(0..3);
    home.write("cursor", "");
    let ran = home.run(&["logs", "--json", "--cursor-file", "cursor"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 3), "{ran:?}");
    assert!(ran.err.contains("cursor is empty"), "{ran:?}");
    record(&home, 3..5);
    let ran = home.run(&["logs", "--json", "--cursor-file", "cursor"]);
    assert_eq!(
        (ran.out.lines().count(), ran.err.as_str()),
        (2, ""),
        "{ran:?}"
    );
}

#[test]
fn a_cursor_file_behind_a_link_is_written_where_it_is() {
    let home = recorded(0..3);
    fs::create_dir(home.path("far")).unwrap();
    home.write("far/real", "1");
    std::os::unix::fs::symlink("far/real", home.path("link")).unwrap();
    assert_eq!(lines(&home, &["--cursor-file", "link"]), 2);
    assert!(
        fs::symlink_metadata(home.path("link"))
            .unwrap()
            .is_symlink()
    );
    assert!(
        fs::read_to_string(home.path("far/real"))
            .unwrap()
            .starts_with("3 ")
    );
    assert_eq!(
        fs::read_dir(home.path("far")).unwrap().count(),
        1,
        "nothing is left"
    );
}

#[test]
fn a_cursor_that_cannot_be_written_is_an_error_and_nothing_is_left_behind() {
    let home = recorded(0..3);
    fs::create_dir(home.path("directory")).unwrap();
    for (place, why) in [
        ("/proc/cursor", "cannot write the cursor file /proc/cursor"),
        ("/dev/null", "it is not a regular file"),
        ("none/cursor", "cannot write the cursor file none/cursor"),
        ("directory", "cannot read the cursor file directory"),
    ] {
        let ran = home.run(&["logs", "--cursor-file", place]);
        assert_eq!(ran.code, Some(2), "{place}: {ran:?}");
        assert!(ran.err.contains(why), "{place}: {ran:?}");
    }
    assert_eq!(fs::read_dir(home.path("directory")).unwrap().count(), 0);
}

#[test]
fn an_end_in_time_that_moves_on_loses_no_row() {
    let home = recorded(0..50);
    let mut seen = 0;
    for moved in [0, 10, 10, 30, 50] {
        let until = format!("@{}", 1_795_224_422_390_u64 + moved);
        seen += lines(&home, &["--cursor-file", "cursor", "--until", &until]);
        assert_eq!(seen as u64, moved);
    }
    let ran = home.run(&[
        "logs",
        "--follow",
        "--json",
        "--cursor-file",
        "cursor",
        "--timeout",
        "1ms",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran:?}");
}

#[test]
fn following_goes_on_with_what_an_end_in_time_held_back() {
    let home = recorded(0..50);
    let until = format!("@{}", 1_795_224_422_390_u64 + 20);
    assert_eq!(
        lines(&home, &["--cursor-file", "cursor", "--until", &until]),
        20
    );
    let follow = |most: &str| {
        let words = ["--follow", "--cursor-file", "cursor", "--max", most];
        lines(&home, &words)
    };
    assert_eq!(follow("7"), 7);
    assert_eq!(follow("23"), 23);
    assert_eq!(lines(&home, &["--cursor-file", "cursor"]), 0);
}

#[test]
fn each_row_is_shown_once_however_the_end_in_time_moves_and_whether_it_is_followed() {
    let seed = mcpr_seed::seed();
    println!("{}={seed}", mcpr_seed::VARIABLE);
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..8 {
        // A run that ends by --max before it came through what was held back may repeat some of it.
        let some_end_by_max = round % 4 == 3;
        let home = Home::new();
        let mut numbers: Vec<u64> = (0..24).collect();
        random.shuffle(&mut numbers);
        let (mut shown, mut end, mut history) = (Vec::new(), 0, String::new());
        for (at, stored) in numbers.chunks(6).enumerate() {
            let text: String = stored.iter().copied().map(line).collect();
            home.record(&[&home.write(&format!("{at}.log"), text)]);
            for _ in 0..2 {
                end = random.u64(end..=24);
                let until = format!("@{}", 1_795_224_422_390_u64 + end);
                let mut words = vec![
                    "logs",
                    "--json",
                    "--cursor-file",
                    "cursor",
                    "--until",
                    &until,
                ];
                match random.u8(..3) {
                    0 => words.extend(["--follow", "--timeout", "1ms"]),
                    1 if some_end_by_max => {
                        words.extend(["--follow", "--max", "3", "--timeout", "1ms"]);
                    }
                    _ => {}
                }
                writeln!(history, "{stored:?} {words:?}").unwrap();
                shown.extend(ids(&home.succeed(&words)));
            }
        }
        shown.extend(ids(&home.succeed(&[
            "logs",
            "--json",
            "--cursor-file",
            "cursor",
        ])));
        let all = ids(&home.succeed(&["logs", "--json", "--tail", "all"]));
        assert_eq!(all.len(), numbers.len());
        for id in &all {
            let times = shown.iter().filter(|it| *it == id).count();
            let is_right = times == 1 || (times > 1 && some_end_by_max);
            assert!(is_right, "seed {seed}: {id} {times} times in\n{history}");
        }
    }
}

fn ids(rows: &str) -> Vec<String> {
    let rows = rows.lines().map(|row| serde_json::from_str(row).unwrap());
    rows.map(|row: serde_json::Value| row["request_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_was_removed_behind_the_cursor_is_reported() {
    let home = recorded(0..3);
    assert_eq!(lines(&home, &["--cursor-file", "cursor"]), 3);
    record(&home, 3..8);
    fs::copy(home.path("cursor"), home.path("second")).unwrap();
    home.succeed(&["store", "vacuum", "--before", "2999-01-01", "--yes"]);
    record(&home, 8..10);
    let following = ["--follow", "--max", "2", "--cursor-file", "second"];
    for (rest, shown) in [(&["--cursor-file", "cursor"][..], 2), (&following, 2)] {
        let ran = home.run(&[&["logs", "--json"], rest].concat());
        assert_eq!(
            (ran.code, ran.out.lines().count()),
            (Some(0), shown),
            "{ran:?}"
        );
        assert!(
            ran.err.contains("at least 5 requests behind "),
            "{rest:?}: {ran:?}"
        );
    }
    let ran = home.run(&["logs", "--json", "--cursor-file", "cursor"]);
    assert_eq!(
        (ran.out.as_str(), ran.err.contains("were removed")),
        ("", false),
        "{ran:?}"
    );
}
