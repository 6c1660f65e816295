//! What is in flight, in the lists and opened.

use super::*;

#[test]
fn what_is_in_flight_stands_above_the_rows_with_a_clock_and_is_counted_by_tool() {
    let mut bench = Bench::over(60);
    let _writer = bench.store.add_open(61);
    bench.wait(100);
    let screen = bench.screen();
    let lines: Vec<&str> = screen.lines().collect();
    let above = lines[2];
    assert!(
        above.contains("read_file") && above.ends_with("▸ pending 3s"),
        "{screen}"
    );
    assert!(above.contains("number=61"), "{screen}");
    assert!(lines[lines.len() - 2].contains("number=60"), "{screen}");
    assert_eq!(bench.chosen(), Some(60));
    bench.app.take_changed();
    bench.wait(2_000);
    assert!(bench.app.take_changed(), "clocks go on without news");
    assert!(
        bench.screen().contains("▸ pending 5s"),
        "{}",
        bench.screen()
    );
    // Opened, it has not failed either.
    bench.keys("i<Enter>");
    let opened = bench.screen();
    assert!(
        opened.contains("outcome ▸ pending") && !opened.contains('✗'),
        "{opened}"
    );
    bench.keys("<Esc>");
    bench.keys("/nothing like it<Enter>");
    assert!(!bench.screen().contains("pending"), "{}", bench.screen());
    bench.keys("x3");
    let screen = bench.screen();
    let tool = screen.lines().find(|line| line.contains("read_file"));
    assert!(screen.contains("IN FLIGHT"), "{screen}");
    assert!(tool.is_some_and(|line| line.contains("▸ 1")), "{screen}");
    bench.keys("1");
    bench.store.add(1);
    bench.wait(100);
    assert!(!bench.screen().contains("pending"), "{}", bench.screen());
    assert_eq!(bench.chosen(), Some(61));
}
