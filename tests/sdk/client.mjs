// A client of the official SDK: does what it is asked with a stdio server, and says what it did.
//
//   node client.mjs everything|time -- COMMAND…   a fixed scenario; prints {"client", "did"} as JSON
//   node client.mjs latency CALLS TOOL ARGUMENTS -- COMMAND…   calls one by one; prints {"took", "waits"}:
//       the µs of each, and how often each of the server's threads waited meanwhile, by its name (Linux)
//   node client.mjs … -- URL                      the same with a server at a URL: SSE where it ends in /sse
//   node client.mjs task -- …                     one call that becomes a task, which asks back; prints what came of it
//   node client.mjs stay -- COMMAND…              connects, prints the server's process id, and stays
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { CallToolResultSchema, CreateMessageRequestSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { readdirSync, readFileSync } from "node:fs";

const CLIENT = { name: "mcpr-test-client", version: "1.2.3" };

const words = process.argv.slice(2);
const end = words.indexOf("--");
const [what, ...how] = words.slice(0, end);
const [command, ...args] = words.slice(end + 1);

// Every request of the session with its outcome, in the order of asking.
const did = [];

// Waits for one request and notes how it ended, as the client sees it.
async function note(method, target, asked) {
    const entry = { from: "client", method, target, outcome: "ok", code: null };
    did.push(entry);
    try {
        const result = await asked;
        if (result?.isError) entry.outcome = "tool";
        return result;
    } catch (error) {
        entry.outcome = error.name === "AbortError" ? "cancelled" : "rpc";
        if (entry.outcome === "rpc") entry.code = String(error.code);
    }
}

function transportTo() {
    if (!/^https?:/.test(command)) {
        return new StdioClientTransport({ command, args, env: process.env, stderr: "ignore" });
    }
    const url = new URL(command);
    return url.pathname.endsWith("/sse") ? new SSEClientTransport(url) : new StreamableHTTPClientTransport(url);
}

async function connect(capabilities = {}) {
    const client = new Client(CLIENT, { capabilities });
    const transport = transportTo();
    await note("initialize", null, client.connect(transport));
    return { client, transport };
}

const call = (client, name, args, options) =>
    note("tools/call", name, client.callTool({ name, arguments: args }, undefined, options));

// Asks, and takes it back at once: the request and its cancellation go out together.
async function cancelled(client, name, args) {
    const controller = new AbortController();
    const asked = client.callTool({ name, arguments: args }, undefined, { signal: controller.signal });
    controller.abort(Object.assign(new Error("not wanted any more"), { name: "AbortError" }));
    const entry = { from: "client", method: "tools/call", target: name, outcome: "ok", code: null };
    did.push(entry);
    await asked.catch(() => (entry.outcome = "cancelled"));
}

async function everything() {
    const { client } = await connect({ sampling: {} });
    client.setRequestHandler(CreateMessageRequestSchema, () => {
        did.push({ from: "server", method: "sampling/createMessage", target: null, outcome: "ok", code: null });
        return { model: "none", role: "assistant", content: { type: "text", text: "Sää on hyvä ☀️" } };
    });
    await note("ping", null, client.ping());
    await note("tools/list", null, client.listTools());
    await note("resources/list", null, client.listResources());
    await note("resources/templates/list", null, client.listResourceTemplates());
    await note("prompts/list", null, client.listPrompts());
    await call(client, "echo", { message: "Grüße, 世界, 👩‍🚀, \u2028 and \\ \" /" });
    await call(client, "echo", { message: "x".repeat(300_000) });
    await call(client, "get-sum", { a: 2, b: 40 });
    await call(client, "get-sum", { a: "two" });
    await call(client, "no-such-tool", {});
    await call(client, "get-structured-content", { location: "Chicago" });
    await call(client, "get-tiny-image", {});
    await call(client, "trigger-sampling-request", { prompt: "weather?", maxTokens: 5 });
    await call(client, "trigger-long-running-operation", { duration: 0.1, steps: 3 }, { onprogress() {} });
    await cancelled(client, "trigger-long-running-operation", { duration: 0.2, steps: 1 });
    const document = "demo://resource/static/document/features.md";
    await note("resources/read", document, client.readResource({ uri: document }));
    const nowhere = "demo://nowhere";
    await note("resources/read", nowhere, client.readResource({ uri: nowhere }));
    await note("prompts/get", "args-prompt",
        client.getPrompt({ name: "args-prompt", arguments: { city: "Helsinki" } }));
    await note("prompts/get", "no-such-prompt", client.getPrompt({ name: "no-such-prompt" }));
    await note("completion/complete", null, client.complete({
        ref: { type: "ref/prompt", name: "completable-prompt" },
        argument: { name: "department", value: "E" },
    }));
    await note("logging/setLevel", null, client.setLoggingLevel("error"));
    // Several at once: their answers may come in any order.
    await Promise.all([1, 2, 3, 4].map((a) => call(client, "get-sum", { a, b: a })));
    await client.transport.terminateSession?.();
    await client.close();
    return { client: CLIENT, did };
}

async function time() {
    const { client } = await connect();
    await note("ping", null, client.ping());
    await note("tools/list", null, client.listTools());
    await call(client, "get_current_time", { timezone: "Europe/Helsinki" });
    await call(client, "convert_time",
        { source_timezone: "Asia/Tokyo", time: "12:30", target_timezone: "Asia/Kathmandu" });
    await call(client, "convert_time",
        { source_timezone: "Mars/Utopia_Planitia", time: "12:30", target_timezone: "UTC" });
    await call(client, "get_current_time", {});
    await call(client, "no_such_tool", {});
    await note("resources/read", "demo://nowhere", client.readResource({ uri: "demo://nowhere" }));
    await client.close();
    return { client: CLIENT, did };
}

// How often each thread of a process has waited for something so far.
function waits(pid) {
    const of = (task) => {
        const read = (file) => readFileSync(`/proc/${pid}/task/${task}/${file}`, "utf8");
        return [read("comm").trim(), Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(read("status"))[1])];
    };
    if (process.platform !== "linux") return {};
    return Object.fromEntries(readdirSync(`/proc/${pid}/task`).map(of));
}

async function latency(calls, name, json) {
    const { client, transport } = await connect();
    const took = [];
    const before = transport.pid ? waits(transport.pid) : {};
    for (let i = 0; i < Number(calls); i += 1) {
        const began = process.hrtime.bigint();
        await client.callTool({ name, arguments: JSON.parse(json) });
        took.push(Number(process.hrtime.bigint() - began) / 1000);
    }
    const after = Object.entries(transport.pid ? waits(transport.pid) : {});
    await client.close();
    return { took, waits: Object.fromEntries(after.map(([name, n]) => [name, n - (before[name] ?? 0)])) };
}

async function task() {
    const ours = { requests: { elicitation: { create: {} } } };
    const { client } = await connect({ elicitation: { form: {} }, tasks: ours });
    client.setRequestHandler(ElicitRequestSchema, async () =>
        ({ action: "accept", content: { interpretation: "technical" } }));
    // What may become a task is known from the list.
    await client.listTools();
    const asked = { name: "simulate-research-query", arguments: { topic: "python", ambiguous: true } };
    const seen = [];
    for await (const message of client.experimental.tasks.callToolStream(asked, CallToolResultSchema, {})) {
        seen.push(message.task?.status ?? message.type);
    }
    await client.close();
    return { seen };
}

async function stay() {
    const { transport } = await connect();
    return { pid: transport.pid };
}

const result = await { everything, time, latency, task, stay }[what](...how);
process.stdout.write(`${JSON.stringify(result)}\n`);
