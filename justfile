# The tasks of every day. `just` lists them; each is one or two commands that can be typed as well.

# List the tasks.
default:
    @just --list

# Everything that can be checked in a minute: form, lints, the crates' own tests.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo test --workspace --lib --locked

# Every test.
test:
    cargo test --locked --workspace

# Every test by nextest, which runs each in a process of its own.
nextest:
    cargo nextest run --locked --workspace

# One benchmark, such as `just bench ingest`.
bench NAME *ARGS:
    cargo bench --bench {{NAME}} -- {{ARGS}}

# Write again what is generated and checked in: man pages, completions, expected output.
regen:
    UPDATE_EXPECT=1 cargo test --locked --workspace

# The faults of docs/faults.md in their short form.
faults:
    cargo test --locked --test faults -- --quick

# The figures of form that ARCHITECTURE.md holds the code to.
measure:
    python3 tests/scripts/measure.py
