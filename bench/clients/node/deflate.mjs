// Echoes messages over permessage-deflate with Node's ws, with each of the parameters that its standard
// input says, as ../deflate_test.go has them. Prints one JSON line for each case, {"name", "ok", "detail"}.

import { readFileSync } from 'node:fs';
import WebSocket from 'ws';

const patience = 30_000; // milliseconds for one case; a healthy one never comes near it
const { messages, cases } = JSON.parse(readFileSync(0));
for (const message of messages) message.payload = Buffer.from(message.Payload, 'base64');

function optionsOf(c) {
  const options = { threshold: 0, clientMaxWindowBits: false };
  if (c.ServerNoContextTakeover) options.serverNoContextTakeover = true;
  if (c.ClientNoContextTakeover) options.clientNoContextTakeover = true;
  if (c.ServerMaxWindowBits) options.serverMaxWindowBits = c.ServerMaxWindowBits;
  if (c.ClientMaxWindowBits) options.clientMaxWindowBits = c.ClientMaxWindowBits < 0 ? true : c.ClientMaxWindowBits;
  return options;
}

function send(socket, { Opcode, payload, Fragment }) {
  const size = Fragment || payload.length;
  for (let start = 0; start === 0 || start < payload.length; start += size) {
    const fin = start + size >= payload.length;
    socket.send(payload.subarray(start, start + size), { binary: Opcode === 'binary', fin });
    if (fin) return;
  }
}

function perform(c) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(c.URL, { perMessageDeflate: optionsOf(c) });
    const timer = setTimeout(() => reject(new Error('no answer')), patience);
    const left = c.Messages.map((i) => messages[i]);
    const end = (settle, value) => {
      clearTimeout(timer);
      socket.terminate();
      settle(value);
    };
    socket.on('upgrade', ({ headers }) => {
      const got = headers['sec-websocket-extensions'];
      if (got !== c.Want) end(reject, new Error(`negotiated ${got}, want ${c.Want}`));
    });
    socket.on('open', () => send(socket, left[0]));
    socket.on('message', (payload, binary) => {
      const want = left.shift();
      if (binary !== (want.Opcode === 'binary') || !payload.equals(want.payload)) {
        end(reject, new Error(`${payload.length} octets came, want ${want.payload.length} of ${want.Opcode}`));
      } else if (left.length === 0) {
        end(resolve);
      } else {
        send(socket, left[0]);
      }
    });
    socket.on('close', (code) => end(reject, new Error(`closed with ${code}`)));
    socket.on('error', (error) => end(reject, error));
  });
}

for (const c of cases) {
  let detail = '';
  try {
    await perform(c);
  } catch (error) {
    detail = error.message;
    process.exitCode = 1;
  }
  console.log(JSON.stringify({ name: c.Name, ok: detail === '', detail }));
}
