//! What the engine takes to weigh a schema, guessed from its shape before it is asked: it cannot be
//! interrupted, and for some shapes it would work for minutes.

use serde_json::{Map, Value};

/// What the engine is asked for no more: a fraction of a second.
const MAX_LOAD: u64 = 12_000;

/// How many steps one unit of load counts.
const STEPS: u64 = 60;

/// The steps that the engine takes for two schemas; none where it is not to be asked.
pub(super) fn steps_for(narrow: &Value, wide: &Value) -> Option<u64> {
    let (one, other) = (load(narrow), load(wide));
    let meeting = one.ways.saturating_mul(other.ways);
    // Every way through one is put together with every way through the other; and those are weighed
    // against each other where one side multiplies its own.
    let meeting = if one.multiplies || other.multiplies {
        meeting.saturating_mul(meeting).saturating_mul(3)
    } else {
        meeting.saturating_mul(4)
    };
    let units = one.units.saturating_add(other.units);
    let units = units.saturating_add(meeting);
    (units <= MAX_LOAD).then(|| units.saturating_mul(STEPS))
}

/// What was measured of the engine, in units of some ten microseconds.
#[derive(Debug, Clone, Copy)]
struct Load {
    units: u64,
    /// How many alternatives the schema comes down to at its own place.
    ways: u64,
    /// Whether several choices make them.
    multiplies: bool,
}

fn load(schema: &Value) -> Load {
    match schema {
        Value::Object(map) => load_of(map),
        // `true`, `false`, or no schema at all.
        _ => Load {
            units: 1,
            ways: 1,
            multiplies: false,
        },
    }
}

fn load_of(map: &Map<String, Value>) -> Load {
    let (mut units, mut ways) = (1_u64, 1_u64);
    // How many choices are multiplied with one another.
    let mut choices = 0;
    let mut multiply = |by: u64| {
        choices += u64::from(by > 1);
        ways = ways.saturating_mul(by.max(1));
    };
    for (name, value) in map {
        let more = match (name.as_str(), value) {
            // Values are compared quickly; only thousands of them are felt.
            ("enum", Value::Array(values)) => many(values.len()) / 64,
            ("anyOf" | "oneOf", Value::Array(branches)) => {
                let all = branches.iter().map(load).collect::<Vec<_>>();
                let sum = all.iter().map(|one| one.ways).fold(0, u64::saturating_add);
                multiply(sum);
                let units = all.iter().map(|one| one.units);
                units.fold(choice(name == "oneOf", branches, sum), u64::saturating_add)
            }
            ("allOf", Value::Array(parts)) => {
                let parts = parts.iter().map(load).map(|part| {
                    multiply(part.ways);
                    part.units
                });
                parts.fold(0, u64::saturating_add)
            }
            ("if", value) => {
                let condition = load(value);
                // Either the condition and what follows, or its denial and what follows from that.
                multiply(condition.ways.saturating_mul(2));
                condition.units
            }
            ("dependentSchemas" | "dependentRequired", Value::Object(members)) => {
                let members = members.values().map(load).map(|member| {
                    // Each dependency holds in one of its ways, or its property is absent.
                    multiply(member.ways.saturating_add(1));
                    member.units
                });
                members.fold(0, u64::saturating_add)
            }
            (_, Value::Object(members)) => inner(name, members),
            (_, Value::Array(list)) => {
                let all = list.iter().map(|value| load(value).units);
                all.fold(1, u64::saturating_add)
            }
            // Any keyword that holds no schema.
            _ => 1,
        };
        units = units.saturating_add(more);
    }
    let multiplies = choices > 1;
    if multiplies {
        // The engine weighs all ways through the choices against one another.
        units = units.saturating_add(ways.saturating_mul(ways).saturating_mul(3));
    }
    Load {
        units,
        ways,
        multiplies,
    }
}

/// What stands in a keyword: a schema, or schemas by name.
fn inner(name: &str, members: &Map<String, Value>) -> u64 {
    if !matches!(name, "properties" | "patternProperties" | "$defs") {
        return load_of(members).units;
    }
    let count = many(members.len());
    // Each is weighed against what all others leave over.
    let pairs = if name == "$defs" {
        0
    } else {
        count.saturating_mul(count) / 32
    };
    let all = members.values().map(|value| load(value).units);
    all.fold(pairs, u64::saturating_add)
}

/// What alternatives cost beside their parts: those that are objects are put together in every way,
/// those that exclude one another are taken from each other.
fn choice(excludes: bool, branches: &[Value], ways: u64) -> u64 {
    // These may make it an object; without them a branch is cheap for the engine.
    let speaks_of_objects = |branch: &&Value| {
        let keywords = [
            "properties",
            "required",
            "additionalProperties",
            "$ref",
            "allOf",
        ];
        keywords.iter().any(|name| branch.get(*name).is_some())
    };
    let objects = many(branches.iter().filter(speaks_of_objects).count());
    let power = |base: u64, times: u32| base.saturating_pow(times);
    // Measured: the work grows with the fourth power of objects, and the third of ways.
    let put_together = power(objects, 4) / 4;
    let taken_apart = if excludes { power(ways, 3) / 8 } else { ways };
    put_together.saturating_add(taken_apart)
}

fn many(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
