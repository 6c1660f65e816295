//! The twins of the fuzz targets: the same bodies under proptest, with captured lines, changed and
//! cut. And every input that ever broke one.

pub(crate) mod targets;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use targets::{TARGETS, Target};

/// One change of an input: where, what, and how.
type Change = (Index, u8, u8);

/// Captured lines with changes, or bytes of no kind.
fn inputs(target: Target) -> BoxedStrategy<Vec<u8>> {
    let seeds = target.seeds();
    let noise = prop::collection::vec(any::<u8>(), 0..400);
    if seeds.is_empty() {
        return noise.boxed();
    }
    let changes = prop::collection::vec(any::<Change>(), 0..8);
    let captured = (any::<Index>(), changes).prop_map(move |(seed, changes)| {
        let mut bytes = seed.get(&seeds).clone();
        for (at, byte, how) in changes {
            change(&mut bytes, at, byte, how);
        }
        bytes
    });
    prop_oneof![4 => captured, 1 => noise].boxed()
}

fn change(bytes: &mut Vec<u8>, at: Index, byte: u8, how: u8) {
    if bytes.is_empty() {
        return bytes.push(byte);
    }
    let at = at.index(bytes.len());
    match how % 5 {
        0 => bytes[at] = byte,
        1 => bytes.insert(at, byte),
        2 => drop(bytes.remove(at)),
        3 => bytes.truncate(at),
        _ => bytes.insert(at, b"\"\\{}[]\n\r\0,"[usize::from(byte) % 10]),
    }
}

#[expect(clippy::print_stdout, reason = "a failed test shows its seed")]
fn twin(name: &str, cases: u32) {
    let target = TARGETS.into_iter().find(|target| target.name == name);
    let target = target.expect("a target of that name");
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(config, random)
        .run(&inputs(target), |bytes| {
            (target.body)(&bytes);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
}

#[test]
fn lines_do_not_depend_on_chunks() {
    twin("lines", 1_500);
}

#[test]
fn messages_do_not_depend_on_chunks() {
    twin("frames", 1_500);
}

#[test]
fn any_line_is_decoded_without_a_panic() {
    twin("decoders", 3_000);
}

#[test]
fn wrappers_change_nothing_of_a_line() {
    twin("wrappers", 1_500);
}

#[test]
fn any_body_of_a_post_is_decoded_without_a_panic() {
    twin("body", 1_500);
}

#[test]
fn any_post_of_otlp_is_decoded_without_a_panic() {
    twin("otlp", 1_500);
}

#[test]
fn any_text_becomes_harmless() {
    twin("sanitiser", 1_000);
}

#[test]
fn no_text_hides_a_secret() {
    twin("redactor", 1_500);
}

#[test]
fn any_row_is_printed_so_that_it_can_be_read_back() {
    twin("csv", 1_000);
}

#[test]
fn anything_done_to_a_log_loses_no_line() {
    twin("tail", 300);
}

#[test]
fn any_filter_means_what_it_says() {
    twin("filter", 600);
}

#[test]
fn any_damage_of_a_store_ends_without_a_panic() {
    twin("store", 100);
}

#[test]
fn any_two_surfaces_are_compared_without_a_panic() {
    twin("surface", 300);
}

#[test]
fn what_stands_in_a_changed_log_says_no_more_than_its_format_knows() {
    for format in mcpr_wire::FORMATS {
        twin(format.name(), 300);
    }
}

#[test]
fn each_target_is_one_of_libfuzzer_too() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    for target in TARGETS {
        let named = format!("name = \"{}\"\n", target.name);
        assert!(manifest.contains(&named), "{}", target.name);
    }
}

#[test]
fn what_once_broke_a_target_does_so_no_more() {
    let crashes = super::program::capture("crashes");
    for target in TARGETS {
        let Ok(files) = std::fs::read_dir(crashes.join(target.name)) else {
            continue;
        };
        for file in files {
            let path = file.unwrap().path();
            println!("{}", path.display());
            targets::run(target.name, &std::fs::read(path).unwrap());
        }
    }
}
