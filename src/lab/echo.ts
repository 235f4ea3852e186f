/**
 * A program for pods: a TCP server that tells each client the address it sees.
 *
 * `node echo.js PORT [attended]`: `attended` ends it with its standard input. Prints `listening`; answers each connection with the peer's address, and ends it.
 */
import { createServer } from 'node:net';

const server = createServer((socket) => {
  socket.on('error', () => {}); // a client that went away
  socket.end((socket.remoteAddress ?? '').replace(/^::ffff:/, ''));
});
if (process.argv[3] === 'attended') process.stdin.on('end', () => process.exit()).resume();
server.listen({ host: '::', port: Number(process.argv[2]) }, () => console.log('listening'));
