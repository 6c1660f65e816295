//! The one table of what emitters say: which spans and records report an operation of MCP, under which names, and
//! what each can know of how it ended.

/// On which side of an operation something stood that reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperationSide {
    /// It sent the request.
    Client,
    /// It answered.
    Server,
}

/// The kinds of spans, by their numbers in OTLP.
pub(crate) const INTERNAL: i32 = 1;
pub(crate) const SERVER: i32 = 2;
pub(crate) const CLIENT: i32 = 3;

/// How a span's name says what was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameForm {
    /// Behind this: the method and, maybe, its target: `tools/call echo`.
    Behind(&'static str),
    /// `echo.tool` of a tool call, `tools/list.mcp` of anything else.
    Suffixed,
    /// This very name; attributes say the rest.
    Exactly(&'static str),
    /// This very name, of a call of any tool: it is one of MCP where its result has the form of one.
    AnyTool(&'static str),
}

/// What it means that a span has neither the status OK nor ERROR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unset {
    /// It ended well, as far as this side can know.
    Well,
    /// This emitter sets OK where it ended well: it was cancelled.
    Cancelled,
}

/// What one emitter's spans say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vocabulary {
    /// What the docs call it.
    #[cfg_attr(not(test), expect(dead_code, reason = "the docs are held against it"))]
    pub(crate) name: &'static str,
    /// How the name of its scope begins; empty for any.
    pub(crate) scope: &'static str,
    /// Kinds of its spans that are operations, the side that each stands on, and the form of their names.
    pub(crate) spans: &'static [(i32, OperationSide, NameForm)],
    /// Whether its client spans know that a tool's result says `isError`.
    pub(crate) client_sees_tool_errors: bool,
    /// Whether the other side's span can have its trace context, so that it is waited for.
    pub(crate) is_paired: bool,
    /// What no status means.
    pub(crate) unset: Unset,
    /// Whether an error without an event of an exception is a tool's own result.
    pub(crate) throws_as_events: bool,
}

const BY_METHOD: &[(i32, OperationSide, NameForm)] = &[
    (SERVER, OperationSide::Server, NameForm::Behind("")),
    (CLIENT, OperationSide::Client, NameForm::Behind("")),
];

/// Every emitter whose words are known; the first whose scope and span fit is taken.
///
/// What is not here on purpose: children of mounted servers, `execute_tool`, `tool.invoke` and their
/// like, which are INTERNAL spans around or within an operation; the server side of shinzo, which says OK whatever
/// happened.
// More special ones stand before those that fit any scope.
pub(crate) const VOCABULARIES: [Vocabulary; 10] = [
    Vocabulary {
        name: "MCP Python SDK",
        scope: "mcp-python-sdk",
        spans: &[
            (SERVER, OperationSide::Server, NameForm::Behind("")),
            (CLIENT, OperationSide::Client, NameForm::Behind("MCP send ")),
        ],
        // Its client spans end before anybody has looked at the result.
        client_sees_tool_errors: false,
        is_paired: true,
        unset: Unset::Well,
        throws_as_events: false,
    },
    Vocabulary {
        name: "FastMCP",
        scope: "fastmcp",
        // Children of mounted servers are INTERNAL in 4.x, and found by what stands around them in 3.x.
        spans: BY_METHOD,
        client_sees_tool_errors: true,
        is_paired: true,
        unset: Unset::Well,
        throws_as_events: false,
    },
    Vocabulary {
        name: "traceloop (Node)",
        scope: "@traceloop/instrumentation-mcp",
        // A span of the session stands around them, whose name has neither of the endings.
        spans: &[(CLIENT, OperationSide::Client, NameForm::Suffixed)],
        client_sees_tool_errors: true,
        is_paired: false,
        unset: Unset::Cancelled,
        throws_as_events: true,
    },
    Vocabulary {
        name: "AI SDK",
        scope: "ai",
        // Tools of any origin have this span; the result shows it.
        spans: &[(
            INTERNAL,
            OperationSide::Client,
            NameForm::AnyTool("ai.toolCall"),
        )],
        client_sees_tool_errors: true,
        is_paired: false,
        unset: Unset::Well,
        throws_as_events: false,
    },
    Vocabulary {
        name: "openllmetry (Python)",
        scope: "opentelemetry.instrumentation.mcp",
        // It patches both sides, and each request has one span: that of whoever sends it.
        spans: &[(INTERNAL, OperationSide::Client, NameForm::Suffixed)],
        client_sees_tool_errors: true,
        is_paired: false,
        unset: Unset::Cancelled,
        throws_as_events: false,
    },
    Vocabulary {
        name: "logfire",
        scope: "logfire.mcp",
        // Its spans hold request and answer as JSON, which say what their status does not.
        spans: &[
            (
                INTERNAL,
                OperationSide::Client,
                NameForm::Behind("MCP request: "),
            ),
            (
                INTERNAL,
                OperationSide::Server,
                NameForm::Behind("MCP server handle request: "),
            ),
            (
                INTERNAL,
                OperationSide::Server,
                NameForm::Behind("MCP client handle request: "),
            ),
        ],
        client_sees_tool_errors: true,
        is_paired: true,
        unset: Unset::Well,
        throws_as_events: false,
    },
    Vocabulary {
        name: "C# SDK",
        scope: "Experimental.ModelContextProtocol",
        spans: BY_METHOD,
        // Its client spans read the answer; their status text is the whole of it.
        client_sees_tool_errors: true,
        is_paired: true,
        unset: Unset::Well,
        throws_as_events: false,
    },
    Vocabulary {
        name: "Codex",
        scope: "codex",
        // Of a thousand spans about itself this is the one of a call. Its record in the log is found by its ids.
        spans: &[(
            CLIENT,
            OperationSide::Client,
            NameForm::Exactly("mcp.tools.call"),
        )],
        client_sees_tool_errors: true,
        is_paired: false,
        unset: Unset::Well,
        throws_as_events: false,
    },
    Vocabulary {
        name: "agentgateway, Envoy AI gateway, ToolHive",
        scope: "",
        spans: &[
            (SERVER, OperationSide::Server, NameForm::Behind("mcp.")),
            (SERVER, OperationSide::Server, NameForm::Behind("")),
        ],
        client_sees_tool_errors: false,
        is_paired: true,
        unset: Unset::Well,
        throws_as_events: false,
    },
    Vocabulary {
        // Whoever follows the conventions is read without being known.
        name: "anything else with `mcp.method.name`",
        scope: "",
        spans: BY_METHOD,
        client_sees_tool_errors: false,
        is_paired: true,
        unset: Unset::Well,
        throws_as_events: false,
    },
];

/// Where the method stands.
pub(crate) const METHOD: &[&str] = &["mcp.method.name", "mcp.method"];
/// Where it stands in spans of RPC in general: taken from the emitters above alone.
pub(crate) const RPC_METHOD: &str = "rpc.method";
/// Where a tool's name stands.
pub(crate) const TOOL: &[&str] = &[
    "gen_ai.tool.name",
    "mcp.tool.name",
    "tool.name",
    "ai.toolCall.name",
    "traceloop.entity.name",
];
/// Where a prompt's name stands.
pub(crate) const PROMPT: &[&str] = &["gen_ai.prompt.name", "mcp.prompt.name"];
/// Where a resource's URI stands.
pub(crate) const RESOURCE: &[&str] = &["mcp.resource.uri", "mcp.resource.name"];
/// Where the JSON-RPC id stands.
pub(crate) const REQUEST_ID: &[&str] = &[
    "jsonrpc.request.id",
    "rpc.jsonrpc.request_id",
    "mcp.request.id",
];
/// Where the session's id stands.
pub(crate) const SESSION: &[&str] = &["mcp.session.id"];
/// Where the revision of the protocol stands: from 2026 on there are no sessions, whatever is stated.
pub(crate) const PROTOCOL: &[&str] = &["mcp.protocol.version"];
/// Where the server is named that was called.
pub(crate) const SERVER_NAME: &[&str] = &[
    "mcp.server.name",
    "mcp.target",
    "mcp_server",
    "mcp_server_name",
];
/// Where the code of a JSON-RPC error stands.
pub(crate) const RPC_CODE: &[&str] = &[
    "rpc.response.status_code",
    "rpc.jsonrpc.error_code",
    "codex.mcp.error.code",
    "mcp.error.code",
];
/// Where the message of an error stands beside the status.
pub(crate) const ERROR_MESSAGE: &[&str] = &[
    "error.message",
    "rpc.jsonrpc.error_message",
    "exception.message",
];

/// Methods by the names that Envoy and ToolHive gave them before the conventions.
pub(crate) const OLD_METHODS: &[(&str, &str)] = &[
    ("CallTool", "tools/call"),
    ("ListTools", "tools/list"),
    ("GetPrompt", "prompts/get"),
    ("ListPrompts", "prompts/list"),
    ("ReadResource", "resources/read"),
    ("ListResources", "resources/list"),
    ("ListResourceTemplates", "resources/templates/list"),
    ("Initialize", "initialize"),
    ("Ping", "ping"),
    ("Complete", "completion/complete"),
    ("SetLoggingLevel", "logging/setLevel"),
];

/// How a record of a host's log shows that its tool call is one of MCP.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ToolOfMcp {
    /// An attribute begins so.
    Begins(&'static str, &'static str),
    /// An attribute is this.
    Is(&'static str, &'static str),
}

/// What a host's log says of its tool calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogVocabulary {
    /// What the docs call it.
    #[cfg_attr(not(test), expect(dead_code, reason = "the docs are held against it"))]
    pub(crate) name: &'static str,
    /// The names of the event that a finished call is.
    pub(crate) finished: &'static [&'static str],
    /// The names of the event that a person's or a policy's decision is.
    pub(crate) decided: &'static [&'static str],
    /// Words of a decision that mean no.
    pub(crate) refusals: &'static [&'static str],
    /// Whether a refused call has an event of the first kind as well.
    pub(crate) finishes_refused: bool,
    pub(crate) of_mcp: &'static [ToolOfMcp],
    pub(crate) tool: &'static [&'static str],
    /// An attribute with JSON that names server and tool, where details are logged.
    pub(crate) details: Option<&'static str>,
    pub(crate) call_id: &'static [&'static str],
    pub(crate) conversation: &'static [&'static str],
    pub(crate) message: &'static [&'static str],
    /// Whether spans report the same calls, so that they are waited for.
    pub(crate) has_spans: bool,
    /// Values of `error_type` that are JSON-RPC errors.
    pub(crate) rpc_errors: &'static [&'static str],
    /// Values of `error_type` that say that the host sent nothing.
    pub(crate) not_sent: &'static [&'static str],
}

/// Every host whose log is known.
pub(crate) const LOG_VOCABULARIES: [LogVocabulary; 3] = [
    LogVocabulary {
        name: "Codex",
        // Tools of its own have another namespace.
        finished: &["codex.tool_result"],
        decided: &["codex.tool_decision"],
        refusals: &["denied", "abort", "rejected"],
        finishes_refused: true,
        of_mcp: &[ToolOfMcp::Begins("tool_namespace", "mcp__")],
        tool: &["tool_name"],
        details: None,
        call_id: &["call_id"],
        conversation: &["conversation.id"],
        message: &["output"],
        has_spans: true,
        rpc_errors: &[],
        not_sent: &[],
    },
    LogVocabulary {
        name: "Claude Code",
        // Where details are not logged every tool of MCP goes by one name.
        finished: &["tool_result", "claude_code.tool_result"],
        decided: &["tool_decision", "claude_code.tool_decision"],
        refusals: &["reject"],
        finishes_refused: false,
        of_mcp: &[
            ToolOfMcp::Is("tool_name", "mcp_tool"),
            ToolOfMcp::Begins("tool_name", "mcp__"),
        ],
        tool: &["tool_name"],
        details: Some("tool_parameters"),
        call_id: &["tool_use_id"],
        conversation: &["session.id"],
        message: &["error"],
        has_spans: false,
        rpc_errors: &["McpError"],
        not_sent: &[],
    },
    LogVocabulary {
        name: "Gemini CLI",
        // It says one word for errors of tools and of JSON-RPC alike.
        finished: &["gemini_cli.tool_call"],
        decided: &[],
        refusals: &["reject"],
        finishes_refused: true,
        of_mcp: &[ToolOfMcp::Is("tool_type", "mcp")],
        tool: &["function_name"],
        details: None,
        call_id: &[],
        conversation: &["session.id"],
        message: &["error.message", "error"],
        has_spans: false,
        rpc_errors: &[],
        not_sent: &["invalid_tool_params", "tool_not_registered"],
    },
];

/// What this recorder's own spans say beyond the conventions.
pub(crate) mod own {
    /// What the row is known again by.
    pub(crate) const KEY: &str = "mcpr.key";
    /// What it is found by when another stream reports its call.
    pub(crate) const CALL: &str = "mcpr.call";
    /// `http` or `oauth`; of MCP it is left out.
    pub(crate) const KIND: &str = "mcpr.kind";
    pub(crate) const CLIENT_NAME: &str = "mcpr.client.name";
    pub(crate) const CLIENT_VERSION: &str = "mcpr.client.version";
    /// The upstream's share of the duration, microseconds.
    pub(crate) const UPSTREAM: &str = "mcpr.upstream.duration_us";
    pub(crate) const BYTES_IN: &str = "mcpr.request.size";
    pub(crate) const BYTES_OUT: &str = "mcpr.response.size";
    pub(crate) const ERROR_KIND: &str = "mcpr.error.kind";
    pub(crate) const ERROR_CODE: &str = "mcpr.error.code";
    pub(crate) const ERROR_MESSAGE: &str = "mcpr.error.message";
    /// Its answer came under an id of another type.
    pub(crate) const RETYPED: &str = "mcpr.request.retyped";
    /// Nobody knows how long it took: the span has no length.
    pub(crate) const UNTIMED: &str = "mcpr.duration.unknown";
    /// From the request to the first event of its answer, microseconds.
    pub(crate) const FIRST_EVENT: &str = "mcpr.first_event.duration_us";
    /// The format that it came in.
    pub(crate) const FORMAT: &str = "mcpr.format";
    /// What it takes up of an operation of several requests, what it leaves open, and what its answer says.
    pub(crate) const FOLLOWS: &str = "mcpr.operation.follows";
    pub(crate) const LEAVES: &str = "mcpr.operation.leaves";
    pub(crate) const STAGE: &str = "mcpr.operation.stage";
    /// The request is of no trace: the id of the span's was made up.
    pub(crate) const TRACE_MADE_UP: &str = "mcpr.trace.made_up";
}
