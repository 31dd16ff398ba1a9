// Talks by hand with Node's ws: each line of standard input is sent as a text message, each
// message received is printed as one line. Prints "(open)" when the connection is open and
// "(closed CODE)" at its end. The end of standard input closes the connection with 1000.
//
//     node say.mjs ws://127.0.0.1:8080/room

import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const socket = new WebSocket(process.argv[2]);
socket.on('open', () => {
  console.log('(open)');
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => socket.send(line));
  lines.on('close', () => socket.close(1000));
});
socket.on('message', (payload) => console.log(payload.toString()));
socket.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
socket.on('close', (code) => {
  console.log(`(closed ${code})`);
  process.stdin.destroy();
});
