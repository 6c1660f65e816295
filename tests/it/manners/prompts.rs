//! Nothing is removed that a person did not agree to.

use super::recorded;
use crate::program::{Home, Ran};
use crate::terminal::Terminal;
use std::process::Stdio;

/// Both commands that remove, with a word of their question.
const REMOVALS: [(&[&str], &str); 2] = [
    (&["session", "delete", "2bdb"], "remove session 2bdb"),
    (&["store", "vacuum", "--before", "now"], "remove 364 rows"),
];

fn answered(home: &Home, arguments: &[&str], question: &str, keys: &str) -> Ran {
    let session = Terminal::of(home).start(arguments);
    session.expect(question);
    session.expect("[y/N] ");
    session.type_in(keys);
    session.finish()
}

#[test]
fn only_yes_means_yes() {
    for (arguments, question) in REMOVALS {
        for (keys, is_yes) in [
            ("y\n", true),
            ("yes\n", true),
            ("Y\n", true),
            ("n\n", false),
            ("\n", false),
            ("yy\n", false),
            ("\x04", false),
        ] {
            let home = recorded();
            let ran = answered(&home, arguments, question, keys);
            let what = format!("{arguments:?} {keys:?}: {ran:?}");
            assert_eq!(ran.code, Some(if is_yes { 0 } else { 2 }), "{what}");
            assert_eq!(ran.out.contains("nothing was removed"), !is_yes, "{what}");
            assert_eq!(home.rows(&[]).len() < 364, is_yes, "{what}");
        }
    }
}

#[test]
fn the_question_goes_to_standard_error() {
    let home = recorded();
    let (arguments, question) = REMOVALS[0];
    let out = home.path("out");
    let session = Terminal::of(&home)
        .output(std::fs::File::create(&out).unwrap())
        .start(arguments);
    session.expect(question);
    session.type_in("y\n");
    assert_eq!(session.finish().code, Some(0));
    let out = std::fs::read_to_string(out).unwrap();
    assert!(
        out.starts_with("removed session 2bdb") && !out.contains('?'),
        "{out}"
    );
}

#[test]
fn the_hint_where_nobody_can_answer_names_no_flag_that_the_command_refuses() {
    for (arguments, _) in REMOVALS {
        let home = recorded();
        let names_it = home.run(arguments).err.contains("--dry-run");
        let ran = home.run(&[arguments, &["--dry-run"]].concat());
        assert_eq!(names_it, ran.code == Some(0), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn where_nobody_can_answer_yes_must_have_been_given() {
    for (arguments, _) in REMOVALS {
        let home = recorded();
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        assert!(
            ran.err.contains("nobody to ask") && ran.err.contains("--yes"),
            "{ran:?}"
        );
        // A question that nobody sees is none.
        let unseen = Terminal::of(&home).messages(Stdio::piped()).run(arguments);
        assert_eq!(unseen.code, Some(2), "{unseen:?}");
        assert_eq!(home.rows(&[]).len(), 364);
        let agreed = home.run(&[arguments, &["--yes"]].concat());
        assert_eq!(
            (agreed.code, agreed.err.as_str()),
            (Some(0), ""),
            "{agreed:?}"
        );
        assert!(home.rows(&[]).len() < 364);
    }
}

#[test]
fn what_removes_nothing_asks_nothing() {
    let home = recorded();
    for arguments in [
        &["session", "delete", "nobody"][..],
        &["store", "vacuum", "--before", "2026-01-01"],
        &["store", "vacuum", "--before", "now", "--dry-run"],
        &["store", "vacuum", "--max-size", "1G"],
    ] {
        let ran = Terminal::of(&home).run(arguments);
        // A session that is not there is a miss, whatever was to be done with it.
        let code = i32::from(arguments[0] == "session");
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        assert!(!ran.out.contains("[y/N]"), "{arguments:?}: {ran:?}");
    }
    assert_eq!(home.rows(&[]).len(), 364);
}

#[test]
fn an_interrupted_question_removes_nothing() {
    let home = recorded();
    for (arguments, question) in REMOVALS {
        let session = Terminal::of(&home).start(arguments);
        session.expect(question);
        session.type_in("\x03");
        assert_eq!(session.finish().code, None, "ended by the signal");
        assert_eq!(home.rows(&[]).len(), 364);
    }
}
