// Echoes and broadcasts with Bun's own WebSocket server (uWebSockets), with its topics.
const prefix = "/topic/";
const flag = process.argv.indexOf("-addr");
const [hostname, port] = (flag < 0 ? "127.0.0.1:8080" : process.argv[flag + 1]).split(":");

const server = Bun.serve<{ topic?: string }, {}>({
  hostname,
  port: Number(port),
  fetch(request) {
    const path = new URL(request.url).pathname;
    const topic = path.startsWith(prefix) ? path.slice(prefix.length) || undefined : undefined;
    return server.upgrade(request, { data: { topic } }) ? undefined : new Response("WebSocket only", { status: 400 });
  },
  websocket: {
    maxPayloadLength: 16 << 20,
    backpressureLimit: 16 << 20,
    perMessageDeflate: false,
    open(ws) {
      if (ws.data.topic) ws.subscribe(ws.data.topic);
    },
    message(ws, message) {
      if (ws.data.topic) server.publish(ws.data.topic, message);
      else ws.send(message);
    },
  },
});
