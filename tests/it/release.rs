//! What a release is made of: that the workflow, the scripts, the installer and the metadata of cargo-binstall speak of
//! the same files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TARGET: &str = "x86_64-unknown-linux-musl";
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// Runs a script of a release, which must succeed, or ran by `sh`.
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// A program that stands for a built one: packing that would take minutes.
fn stand_in(directory: &Path) -> PathBuf {
    let program = directory.join("mcpr");
    std::fs::write(&program, format!("#!/bin/sh\necho mcpr {VERSION}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn the_workflow_runs_scripts_that_are_there() {
    let workflow = read(".github/workflows/release.yml");
    let steps = workflow.lines().filter(|line| !line.starts_with('#'));
    let words = steps.flat_map(str::split_whitespace);
    let scripts: Vec<&str> = words.filter(|word| word.starts_with("contrib/")).collect();
    assert!(scripts.len() >= 4, "{scripts:?}");
    for script in scripts {
        let mode = std::fs::metadata(root().join(script))
            .unwrap()
            .permissions();
        assert!(mode.mode() & 0o100 != 0, "{script}");
    }
    let local = read("contrib/release/local");
    for script in ["archive", "installer", "deb", "deb-check"] {
        let script = format!("contrib/release/{script}");
        assert!(
            workflow.contains(&script) && local.contains(&script),
            "{script}"
        );
    }
}

#[test]
fn an_installer_takes_what_its_checksum_says_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let dist = scratch.path().join("dist");
    let program = stand_in(scratch.path());
    let machine = if cfg!(target_arch = "aarch64") {
        "aarch64"
    } else {
        "x86_64"
    };
    let target = format!("{machine}-unknown-linux-musl");
    run(Command::new(root().join("contrib/release/archive"))
        .arg(&program)
        .arg(&target)
        .arg(&dist));
    let base = format!("file://{}", dist.display());
    run(Command::new(root().join("contrib/release/installer"))
        .arg(&base)
        .arg(&dist));
    // Elsewhere the installer takes another archive, which this test does not make.
    if !cfg!(target_os = "linux") {
        return;
    }
    let to = scratch.path().join("bin");
    let install = || {
        let mut command = Command::new("sh");
        command
            .arg(dist.join("mcpr-install.sh"))
            .arg(&to)
            .env("HOME", scratch.path());
        command
    };
    let printed = run(&mut install());
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(printed.trim_end(), format!("mcpr {VERSION}"));
    std::fs::write(to.join("mcpr"), "mine").unwrap();
    let archive = dist.join(format!("mcpr-{VERSION}-{target}.tar.gz"));
    let mut bytes = std::fs::read(&archive).unwrap();
    bytes.push(0);
    std::fs::write(&archive, bytes).unwrap();
    let refused = install().output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(std::fs::read_to_string(to.join("mcpr")).unwrap(), "mine");
    let formula = std::fs::read_to_string(dist.join("mcpr.rb")).unwrap();
    assert!(
        formula.contains(&format!("version \"{VERSION}\"")),
        "{formula}"
    );
}

#[test]
fn binstall_finds_the_program_in_the_archive() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let filled = |key: &str| {
        let template = binstall[key].as_str().unwrap();
        let parts = [
            ("{ repo }", "https://example.org/mcpr"),
            ("{ version }", VERSION),
            ("{ target }", TARGET),
            ("{ bin }", "mcpr"),
            ("{ binary-ext }", ""),
        ];
        let filled = parts.iter().fold(template.to_owned(), |text, (from, to)| {
            text.replace(from, to)
        });
        assert!(!filled.contains('{'), "{filled}");
        filled
    };
    let scratch = tempfile::tempdir().unwrap();
    let program = stand_in(scratch.path());
    let made = run(Command::new(root().join("contrib/release/archive"))
        .arg(&program)
        .arg(TARGET)
        .arg(scratch.path()));
    let made = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim_end());
    let url = filled("pkg-url");
    let name = made.file_name().unwrap().to_str().unwrap();
    assert!(url.ends_with(&format!("/v{VERSION}/{name}")), "{url}");
    assert_eq!(binstall["pkg-fmt"].as_str(), Some("tgz"));
    let listed = run(Command::new("tar").arg("-tzf").arg(&made));
    let listed = String::from_utf8(listed.stdout).unwrap();
    let inside = filled("bin-dir");
    assert!(
        listed.lines().any(|line| line == inside),
        "{inside}: {listed}"
    );
}
