// Posts the spans of two operations with the exporters of OpenTelemetry for Node: `otlp.mjs ENDPOINT json|proto`.
import { SpanKind } from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [endpoint, encoding] = process.argv.slice(2);
const Exporter = encoding === "json" ? JsonExporter : ProtoExporter;
const exporter = new Exporter({ url: `${endpoint}/v1/traces`, compression: "gzip" });
const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
const tracer = provider.getTracer("fastmcp");
for (const tool of ["echo", "add"]) {
  const attributes = { "mcp.method.name": "tools/call", "gen_ai.tool.name": tool, "jsonrpc.request.id": 7 };
  tracer.startSpan(`tools/call ${tool}`, { kind: SpanKind.SERVER, attributes }).end();
}
await provider.forceFlush();
await provider.shutdown();
