//! A home directory in which fifteen clients and more have their files, written as each of them writes them.

use super::program::Home;
use std::fs;
use std::path::PathBuf;

/// A client's configuration.
pub(crate) struct ClientFile {
    pub(crate) client: &'static str,
    /// From the home directory; `APP` stands for where the system has its applications' files.
    path: &'static str,
    pub(crate) text: &'static str,
    /// How many servers it has that are commands, then those at URLs.
    pub(crate) servers: [usize; 2],
}

impl ClientFile {
    /// Where it is, from the home directory.
    pub(crate) fn path(&self) -> String {
        let app = if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".config"
        };
        self.path.replace("APP", app)
    }
}

const fn file(
    client: &'static str,
    path: &'static str,
    servers: [usize; 2],
    text: &'static str,
) -> ClientFile {
    ClientFile {
        client,
        path,
        text,
        servers,
    }
}

/// One file a client, each in its own form.
pub(crate) const CLIENT_FILES: &[ClientFile] = &[
    file(
        "claude-desktop",
        "APP/Claude/claude_desktop_config.json",
        [1, 0],
        "{\n  \"mcpServers\": {\n    \"files\": {\n      \"command\": \"npx\",\n      \"args\": [\n        \"-y\",\n        \"@modelcontextprotocol/server-filesystem\",\n        \"/home/me\"\n      ]\n    }\n  }\n}\n",
    ),
    file(
        "claude-code",
        ".claude.json",
        [2, 1],
        "{\n  \"numStartups\": 4,\n  \"mcpServers\": {\n    \"fetch\": {\n      \"type\": \"stdio\",\n      \"command\": \"uvx\",\n      \"args\": [\"mcp-server-fetch\"],\n      \"env\": {}\n    },\n    \"tickets\": {\n      \"type\": \"http\",\n      \"url\": \"https://tickets.example.com/mcp\"\n    }\n  },\n  \"projects\": {\n    \"/home/me/work\": {\n      \"mcpServers\": {\n        \"db\": { \"command\": \"db-server\", \"args\": [] }\n      }\n    }\n  }\n}",
    ),
    file(
        "cursor",
        ".cursor/mcp.json",
        [1, 1],
        "{\n  \"mcpServers\": {\n    \"memory\": { \"command\": \"npx\", \"args\": [\"-y\", \"server-memory\"] },\n    \"far\": { \"url\": \"https://far.example.com/mcp\", \"headers\": { \"X-Team\": \"a\" } }\n  }\n}\n",
    ),
    file(
        "vscode",
        "APP/Code/User/mcp.json",
        [1, 1],
        "{\n\t// what I use\n\t\"servers\": {\n\t\t\"fetch\": {\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": \"uvx\", // from PyPI\n\t\t\t\"args\": [\"mcp-server-fetch\"],\n\t\t},\n\t\t\"web\": { \"type\": \"http\", \"url\": \"https://web.example.com/mcp\" },\n\t},\n\t\"inputs\": [],\n}\n",
    ),
    file(
        "windsurf",
        ".codeium/windsurf/mcp_config.json",
        [1, 1],
        "{\"mcpServers\":{\"a\":{\"command\":\"npx\",\"args\":[\"-y\",\"a\"]},\"c\":{\"serverUrl\":\"https://c.example.com/mcp\"}}}",
    ),
    file(
        "cline",
        ".cline/data/settings/cline_mcp_settings.json",
        [1, 0],
        "{\n    \"mcpServers\": {\n        \"a\": {\n            \"autoApprove\": [\"x\"],\n            \"disabled\": false,\n            \"command\": \"python\",\n            \"args\": [\"-m\", \"server\"]\n        }\n    }\n}\n",
    ),
    file(
        "roo",
        "APP/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
        [1, 0],
        "{\r\n  \"mcpServers\": {\r\n    \"a\": {\r\n      \"command\": \"node\",\r\n      \"args\": [\"/srv/a.js\"],\r\n      \"alwaysAllow\": []\r\n    }\r\n  }\r\n}\r\n",
    ),
    file(
        "zed",
        ".config/zed/settings.json",
        [2, 1],
        "// Zed settings\n{\n  \"theme\": \"One Dark\",\n  \"context_servers\": {\n    \"new\": { \"command\": \"npx\", \"args\": [\"-y\", \"a\"], \"env\": {} },\n    \"older\": { \"command\": { \"path\": \"npx\", \"args\": [\"b\"], \"env\": {} } },\n    \"web\": { \"url\": \"https://zed.example.com/mcp\" },\n  },\n}\n",
    ),
    file(
        "codex",
        ".codex/config.toml",
        [1, 1],
        "# mine\nmodel = \"gpt-5\"\n\n[mcp_servers.docs]\ncommand = \"npx\" # from npm\nargs = [\"-y\", \"docs-server\"]\n\n[mcp_servers.docs.env]\nKEY = \"x\"\n\n[mcp_servers.web]\nurl = \"https://codex.example.com/mcp\"\nbearer_token_env_var = \"WEB_TOKEN\"\n",
    ),
    file(
        "gemini",
        ".gemini/settings.json",
        [1, 1],
        "{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"docker\", \"args\": [\"run\", \"-i\", \"--rm\", \"mcp/a\"], \"trust\": true },\n    \"b\": { \"httpUrl\": \"https://b.example.com/mcp\" }\n  }\n}\n",
    ),
    file(
        "copilot",
        ".copilot/mcp-config.json",
        [1, 1],
        "{ \"mcpServers\" : { \"a\" : { \"type\" : \"local\" , \"command\" : \"a\" , \"args\" : [ \"b\" , \"c\" ] , \"tools\" : [ \"*\" ] }, \"h\": { \"type\": \"http\", \"url\": \"https://h.example.com/mcp\", \"tools\": [\"*\"] } } }\n",
    ),
    file(
        "opencode",
        ".config/opencode/opencode.json",
        [1, 1],
        "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n  \"mcp\": {\n    \"a\": {\n      \"type\": \"local\",\n      \"command\": [\"npx\", \"-y\", \"a\"],\n      \"enabled\": true\n    },\n    \"far\": { \"type\": \"remote\", \"url\": \"https://far.example.com/mcp\" }\n  }\n}\n",
    ),
    file(
        "amazon-q",
        ".aws/amazonq/mcp.json",
        [1, 0],
        "{\"mcpServers\":{\"aws\":{\"command\":\"uvx\",\"args\":[\"awslabs.docs-server@latest\"],\"env\":{\"LEVEL\":\"ERROR\"},\"timeout\":60000}}}\n",
    ),
    file(
        "kiro",
        ".kiro/settings/mcp.json",
        [1, 1],
        "{\n  \"mcpServers\": {\n    \"local\": {\n      \"command\": \"uvx\",\n      \"args\": [\"local-server\"],\n      \"disabled\": false\n    },\n    \"api\": {\n      \"url\": \"https://api.example.com/mcp\",\n      \"headers\": { \"Authorization\": \"Bearer ${API_TOKEN}\" }\n    }\n  }\n}\n",
    ),
    file(
        "goose",
        ".config/goose/config.yaml",
        [2, 1],
        "# goose\nGOOSE_PROVIDER: openai\nextensions:\n  developer:\n    enabled: true\n    type: builtin\n    name: developer\n  memory:\n    enabled: true\n    type: stdio\n    name: memory\n    cmd: npx  # from npm\n    args:\n      - -y\n      - '@modelcontextprotocol/server-memory'\n    envs: {}\n    timeout: 300\n  flow:\n    type: stdio\n    cmd: uvx\n    args: [flow-server, \"--fast\"]\n  web:\n    type: streamable_http\n    uri: https://goose.example.com/mcp\n",
    ),
    file(
        "continue",
        ".continue/config.yaml",
        [2, 1],
        "name: mine\nversion: 0.0.1\nschema: v1\nmcpServers:\n  - name: My SQLite\n    command: npx\n    args:\n      - \"-y\"\n      - \"mcp-sqlite\"\n      - \"/home/me/a.db\"\n  - name: bare\n    command: bare-server\n  - name: far\n    type: streamable-http\n    url: https://continue.example.com/mcp\n",
    ),
];

/// Writes them all.
pub(crate) fn fill(home: &Home) {
    for file in CLIENT_FILES {
        write(home, &file.path(), file.text);
    }
}

/// Writes a file, and makes the directories that lead to it.
pub(crate) fn write(home: &Home, path: &str, text: &str) -> PathBuf {
    fs::create_dir_all(home.path(path).parent().unwrap()).unwrap();
    home.write(path, text)
}
