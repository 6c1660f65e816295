//! Whether arguments that were recorded suit the input schema of a tool.

use super::compat::CompiledSchema;
use super::{ItemKind, Surface};
use serde_json::{Map, Value};

/// What a tool takes, by its input schema as it was written.
#[derive(Debug)]
pub struct Arguments(CompiledSchema);

impl Arguments {
    /// None when the surface has no such tool, or its schema is one that no validator takes.
    #[must_use]
    pub fn of(surface: &Surface, tool: &str) -> Option<Self> {
        let tools = surface.lists.get(&ItemKind::Tool)?;
        let tool = tools.items.get(tool)?.value();
        let schema = tool.get("inputSchema")?;
        // As written: a server validates with its own schema, whatever a reading of ours makes of
        // it.
        CompiledSchema::of_written(schema).map(Self)
    }

    /// Whether the `params` of a call are taken; a call without arguments gives none of them.
    #[must_use]
    pub fn take(&self, params: &Value) -> bool {
        // MCP lets a call leave `arguments` out; a tool without required ones must take that.
        let none = Value::Object(Map::new());
        let given = params.get("arguments").filter(|given| !given.is_null());
        self.0.accepts(given.unwrap_or(&none))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_are_held_against_the_schema_as_written() {
        let schema = json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
            "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        let list = json!({"tools": [{"name": "t", "inputSchema": schema},
            {"name": "odd", "inputSchema": {"type": 7}}, {"name": "bare"}]});
        let surface = Surface::from_value(&list).unwrap();
        let arguments = Arguments::of(&surface, "t").unwrap();
        for (params, expected) in [
            (json!({"name": "t", "arguments": {"n": 1}}), true),
            (json!({"name": "t", "arguments": {"n": "1"}}), false),
            (json!({"name": "t"}), false),
            (json!({"name": "t", "arguments": null}), false),
        ] {
            assert_eq!(arguments.take(&params), expected, "{params}");
        }
        for tool in ["odd", "bare", "gone"] {
            assert!(Arguments::of(&surface, tool).is_none(), "{tool}");
        }
    }
}
