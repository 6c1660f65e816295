//! Entry point: hands the arguments to the library and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcpr::cli::run(std::env::args_os())
}
