"""Posts the spans of four operations as a client or as a server, with the exporter of OpenTelemetry.

`otlp.py ENDPOINT client|server`: both sides of one operation have one trace, as a propagated context makes it.
"""

import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

endpoint, side = sys.argv[1], sys.argv[2]
TOOLS = ["echo", "add", "fail", "slow"]


class Fixed(IdGenerator):
    """The client's spans have ids that the server knows."""

    next = 0

    def generate_trace_id(self):
        return 0x5B8AA5A2D2C872E8321CF37308D60000 + self.next

    def generate_span_id(self):
        self.next += 1
        return (0xC11E << 32 if side == "client" else 0x5E4E << 32) + self.next


provider = TracerProvider(resource=Resource({"service.name": f"desk-{side}"}), id_generator=Fixed())
exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", compression=Compression.Gzip)
# One span a post: the connection is kept between them.
provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=1))
tracer = provider.get_tracer("mcp-python-sdk")
for at, tool in enumerate(TOOLS, 1):
    attributes = {"mcp.method.name": "tools/call", "jsonrpc.request.id": str(at)}
    parent, kind, name = None, SpanKind.CLIENT, f"MCP send tools/call {tool}"
    if side == "server":
        attributes["gen_ai.tool.name"] = tool
        # The trace id was made before the span id was counted up.
        remote = SpanContext(0x5B8AA5A2D2C872E8321CF37308D60000 + at - 1, (0xC11E << 32) + at, True, TraceFlags(1))
        parent = trace.set_span_in_context(NonRecordingSpan(remote))
        kind, name = SpanKind.SERVER, f"tools/call {tool}"
    with tracer.start_as_current_span(name, context=parent, kind=kind, attributes=attributes) as span:
        if tool == "fail" and side == "server":
            span.set_attribute("error.type", "tool_error")
            span.set_status(Status(StatusCode.ERROR))
assert provider.force_flush(20_000), "the posts were not answered"
provider.shutdown()
