// Echoes and broadcasts with Bun's own WebSocket server (uWebSockets), with its topics.
const prefix = "/topic/";
const deflate = process.argv.includes("-deflate");
const after = (name: string) => process.argv[process.argv.indexOf(name) + 1];
const tls = process.argv.includes("-tls-cert")
  ? { cert: Bun.file(after("-tls-cert")), key: Bun.file(after("-tls-key")) }
  : undefined;
const [hostname, port] = (process.argv.includes("-addr") ? after("-addr") : "127.0.0.1:8080").split(":");

const server = Bun.serve<{ topic?: string }, {}>({
  hostname,
  port: Number(port),
  tls,
  fetch(request) {
    const path = new URL(request.url).pathname;
    const topic = path.startsWith(prefix) ? path.slice(prefix.length) || undefined : undefined;
    return server.upgrade(request, { data: { topic } }) ? undefined : new Response("WebSocket only", { status: 400 });
  },
  websocket: {
    maxPayloadLength: 16 << 20,
    backpressureLimit: 16 << 20,
    // "shared" is without context takeover.
    perMessageDeflate: deflate && { compress: "shared", decompress: "shared" },
    open(ws) {
      if (ws.data.topic) ws.subscribe(ws.data.topic);
    },
    message(ws, message) {
      if (ws.data.topic) server.publish(ws.data.topic, message, deflate);
      else ws.send(message, deflate);
    },
  },
});
