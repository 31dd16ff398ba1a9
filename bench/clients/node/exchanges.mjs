// Performs the exchanges of ../exchanges.json with Node's ws against the echo server whose URL is
// the first argument. The second is the extension that is to be negotiated, '' for none. Prints one
// JSON line for each, {"name", "ok", "detail"}, and exits with 1 if one of them failed.
//
//     node exchanges.mjs ws://127.0.0.1:8080/ ''

import { readFileSync } from 'node:fs';
import WebSocket from 'ws';

const patience = 30_000; // milliseconds for one exchange; a healthy one never comes near it

const [url, extension] = process.argv.slice(2);
const exchanges = JSON.parse(readFileSync(new URL('../exchanges.json', import.meta.url)));

function payloadOf(exchange) {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const unit = exchange.octets === 'all' ? all : Buffer.from(exchange.text);
  return Buffer.concat(Array(exchange.times ?? 1).fill(unit));
}

// Conversation turns the events of one WebSocket into a queue that can be awaited.
class Conversation {
  #events = [];
  #wake = () => {};

  constructor(exchange) {
    this.socket = new WebSocket(url, exchange.subprotocols ?? []);
    const put = (event) => {
      this.#events.push(event);
      this.#wake();
    };
    this.socket.on('open', () => put({ type: 'open' }));
    this.socket.on('message', (payload, binary) => put({ type: binary ? 'binary' : 'text', payload }));
    this.socket.on('pong', (payload) => put({ type: 'pong', payload }));
    this.socket.on('close', (code) => put({ type: 'close', code }));
    // A close event follows each error, and tells the exchange; the error says why.
    this.socket.on('error', (error) => { this.error = error; });
  }

  // next returns the next event, which must be of the wanted type.
  async next(wanted) {
    while (this.#events.length === 0) {
      await new Promise((resolve) => { this.#wake = resolve; });
    }
    const event = this.#events.shift();
    if (event.type !== wanted) {
      const why = this.error ? ` after ${this.error.message}` : '';
      throw new Error(`received ${event.type} ${event.code ?? excerpt(event.payload)}${why}, want ${wanted}`);
    }
    return event;
  }

  send(opcode, payload, fragment = payload.length) {
    const binary = opcode === 'binary';
    let start = 0;
    do {
      const end = start + fragment;
      this.socket.send(payload.subarray(start, end), { binary, fin: end >= payload.length });
      start = end;
    } while (start < payload.length);
  }
}

function excerpt(payload) {
  return payload === undefined ? '' : `${payload.length} octets ${JSON.stringify(payload.toString('latin1', 0, 40))}`;
}

async function expectPayload(conversation, type, payload) {
  const event = await conversation.next(type);
  if (!event.payload.equals(payload)) {
    throw new Error(`received ${type} of ${excerpt(event.payload)}, want ${excerpt(payload)}`);
  }
}

async function expectClose(conversation, code) {
  const event = await conversation.next('close');
  if (event.code !== code) {
    throw new Error(`closed with ${event.code}, want ${code}`);
  }
}

const performers = {
  async echo(conversation, exchange) {
    const payload = payloadOf(exchange);
    conversation.send(exchange.opcode, payload, exchange.fragment);
    await expectPayload(conversation, exchange.opcode, payload);
  },
  async refuse(conversation, exchange) {
    conversation.send(exchange.opcode, payloadOf(exchange), exchange.fragment);
    await expectClose(conversation, exchange.code);
  },
  async ping(conversation, exchange) {
    const payload = payloadOf(exchange);
    conversation.socket.ping(payload);
    await expectPayload(conversation, 'pong', payload);
  },
  async close(conversation, exchange) {
    conversation.socket.close(exchange.code, exchange.reason);
    await expectClose(conversation, exchange.code);
  },
  async pipeline(conversation, exchange) {
    const messages = Array.from({ length: exchange.count }, (_, i) => Buffer.from(exchange.text + i));
    for (const message of messages) conversation.send(exchange.opcode, message);
    for (const message of messages) await expectPayload(conversation, exchange.opcode, message);
  },
  // A server may choose none (RFC 6455, section 4.2.2), yet ws, like a browser, then gives up.
  async subprotocol(conversation) {
    await expectClose(conversation, 1006);
    if (conversation.error?.message !== 'Server sent no subprotocol') {
      throw conversation.error ?? new Error('closed without an error');
    }
  },
};

async function converse(conversation, exchange) {
  if (exchange.do !== 'subprotocol') {
    await conversation.next('open');
    const negotiated = conversation.socket.extensions;
    if (negotiated !== extension) throw new Error(`negotiated the extension '${negotiated}', want '${extension}'`);
  }
  await performers[exchange.do](conversation, exchange);
}

async function perform(exchange) {
  const conversation = new Conversation(exchange);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), patience);
  });
  try {
    await Promise.race([late, converse(conversation, exchange)]);
    return { name: exchange.name, ok: true, detail: '' };
  } catch (error) {
    return { name: exchange.name, ok: false, detail: error.message };
  } finally {
    clearTimeout(timer);
    conversation.socket.terminate();
  }
}

for (const exchange of exchanges) {
  const result = await perform(exchange);
  if (!result.ok) process.exitCode = 1;
  console.log(JSON.stringify(result));
}
