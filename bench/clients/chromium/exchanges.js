// Performs exchanges with the browser's own WebSocket: the expression is an async function of the
// URL of the echo server, of the extension that is to be negotiated ('' is none), and of a part of the
// table in ../exchanges.json, for a browser neither pings nor fragments. It returns the results, {name, ok, detail}, one for each exchange.
async (url, extension, exchanges) => {
  const patience = 30_000; // milliseconds for one exchange; a healthy one never comes near it

  function payloadOf(exchange) {
    const times = exchange.times ?? 1;
    if (exchange.octets === 'all') {
      return Uint8Array.from({ length: 256 * times }, (_, i) => i % 256);
    }
    const text = exchange.text.repeat(times);
    return exchange.opcode === 'binary' ? new TextEncoder().encode(text) : text;
  }

  // A text message arrives as a string and a binary one as an ArrayBuffer.
  function same(got, want) {
    if (typeof want === 'string') return got === want;
    if (!(got instanceof ArrayBuffer) || got.byteLength !== want.length) return false;
    return new Uint8Array(got).every((octet, i) => octet === want[i]);
  }

  function open(exchange, timer) {
    const socket = new WebSocket(url, exchange.subprotocols ?? []);
    const events = [];
    let wake = () => {};
    const put = (event) => { events.push(event); wake(); };
    socket.binaryType = 'arraybuffer';
    for (const type of ['open', 'message', 'close']) socket.addEventListener(type, put);
    timer.id = setTimeout(() => put({ type: 'silence' }), patience);
    async function next(wanted) {
      while (events.length === 0) await new Promise((resolve) => { wake = resolve; });
      const event = events.shift();
      if (event.type !== wanted) throw new Error(`received ${event.type} ${event.code ?? ''}, want ${wanted}`);
      return event;
    }
    return { socket, next };
  }

  async function expectMessage({ next }, want) {
    const { data } = await next('message');
    if (!same(data, want)) throw new Error(`received another ${typeof data} of length ${data.length ?? data.byteLength}`);
  }

  async function expectClose({ next }, code, wasClean) {
    const event = await next('close');
    if (event.code !== code || event.wasClean !== wasClean) {
      throw new Error(`closed with ${event.code}, clean: ${event.wasClean}; want ${code}, clean: ${wasClean}`);
    }
  }

  const performers = {
    async echo(conversation, exchange) {
      conversation.socket.send(payloadOf(exchange));
      await expectMessage(conversation, payloadOf(exchange));
    },
    async refuse(conversation, exchange) {
      conversation.socket.send(payloadOf(exchange));
      await expectClose(conversation, exchange.code, true);
    },
    async close(conversation, exchange) {
      conversation.socket.close(exchange.code, exchange.reason);
      await expectClose(conversation, exchange.code, true);
    },
    async pipeline(conversation, exchange) {
      const messages = Array.from({ length: exchange.count }, (_, i) => exchange.text + i);
      for (const message of messages) conversation.socket.send(message);
      for (const message of messages) await expectMessage(conversation, message);
    },
    // A server may choose none (RFC 6455, section 4.2.2), yet a browser then gives up.
    async subprotocol(conversation) {
      await expectClose(conversation, 1006, false);
    },
  };

  const results = [];
  for (const exchange of exchanges) {
    const timer = {};
    const conversation = open(exchange, timer);
    let detail = '';
    try {
      if (exchange.do !== 'subprotocol') {
        await conversation.next('open');
        const [negotiated] = conversation.socket.extensions.split(';');
        if (negotiated !== extension) throw new Error(`negotiated the extension '${negotiated}', want '${extension}'`);
      }
      await performers[exchange.do](conversation, exchange);
    } catch (error) {
      detail = error.message;
    }
    clearTimeout(timer.id);
    conversation.socket.close();
    results.push({ name: exchange.name, ok: detail === '', detail });
  }
  return results;
}
