//! `mcpr tap` between the official SDK's client and real servers, from npm and from `PyPI`: with the tap
//! everything is as it is without. And `mcpr report` in a browser. `tests/sdk/packages/install` installs what this needs below
//! `target/sdk`; where that is missing the tests say that they were skipped. `MCPR_TEST_SDK=DIR` names
//! another place, and makes a skip a failure, as it is in CI.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what it expects by panicking, and what it measured by printing"
)]

mod clients;
mod ends;
mod latency;
mod otlp;
mod packages;
mod page;
#[path = "../it/program.rs"]
#[expect(dead_code, reason = "the other tests use more of it")]
mod program;
mod relay;
mod remote;
mod scenario;
mod shim;
mod surface;

use packages::Packages;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// One thing that is shown: its name, and what shows it by not panicking.
type Check = (&'static str, fn(&Packages));

const CHECKS: [Check; 18] = [
    ("everything_passes_unchanged", scenario::everything),
    ("a_python_server_passes_unchanged", scenario::time),
    ("clients_read_what_is_installed", clients::read),
    ("exit_codes_are_equal", ends::exit_codes),
    ("signals_are_equal", ends::signals),
    ("nobody_outlives_a_killed_client", ends::killed_client),
    ("a_report_is_read_in_a_browser", page::in_a_browser),
    ("the_tap_wakes_few_threads", latency::wakes),
    ("the_tap_adds_little_time", latency::added),
    ("real_servers_are_snapshot_and_checked", surface::checked),
    ("real_servers_at_urls_are_too", remote::checked),
    (
        "a_server_at_a_url_is_as_it_is_without_the_tap",
        relay::everything,
    ),
    ("so_is_one_of_the_older_pair", relay::older_pair),
    ("so_is_one_of_python_in_both_eras", relay::python),
    ("a_task_is_one_operation", relay::task),
    ("a_server_that_prefers_http_2_is_asked_so", relay::http_2),
    ("exporters_of_python_are_understood", otlp::python),
    ("exporters_of_node_are_understood", otlp::node),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == shim::WORD) {
        return shim::run(&words[1..]);
    }
    // Cargo and its users pass a name of a test to every test binary.
    let is_asked = |name: &str| {
        let mut names = words.iter().filter(|word| !word.starts_with('-'));
        words.iter().all(|word| word.starts_with('-')) || names.any(|word| name.contains(&**word))
    };
    let mut checks = CHECKS.iter().filter(|(name, _)| is_asked(name)).peekable();
    if words.iter().any(|word| word == "--list") || checks.peek().is_none() {
        return ExitCode::SUCCESS;
    }
    let packages = match Packages::find() {
        Ok(packages) => packages,
        Err(missing) => {
            println!("sdk: {missing}");
            return missing.exit_code();
        }
    };
    // Under `nohup` the programs would begin with an ignored SIGHUP: what has a handler here begins with the
    // default there.
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::default()) {
        println!("sdk: {error}");
        return ExitCode::FAILURE;
    }
    for (name, check) in checks {
        println!("sdk: {name} …");
        let began = Instant::now();
        check(&packages);
        println!("sdk: {name} ok, {} ms", began.elapsed().as_millis());
    }
    ExitCode::SUCCESS
}
