// A server that prefers HTTP/2: `h2.mjs CERTIFICATE KEY` prints its port, and answers each call with a stream of events
// that says by which version of HTTP it was asked.
import { createSecureServer } from "node:http2";
import { readFileSync } from "node:fs";

const [cert, key] = process.argv.slice(2).map((file) => readFileSync(file));
const server = createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
        const { id } = JSON.parse(Buffer.concat(pieces));
        const content = [{ type: "text", text: `HTTP ${request.httpVersion}` }];
        const event = (message) => response.write(`data: ${JSON.stringify(message)}\n\n`);
        response.setHeader("content-type", "text/event-stream");
        event({ jsonrpc: "2.0", method: "notifications/progress", params: {} });
        event({ jsonrpc: "2.0", id, result: { content } });
        response.end();
    });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
