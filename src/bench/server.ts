/**
 * The side of a measurement that consents: `podwire bench serve`. It measures for one client at a time, and only for
 * whom `admit` lets in. What it does is bounded: in time, in streams, in bytes that it reads before it knows who asks.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { PodwireError } from '../wire/error.js';
import { Lines } from './lines.js';
import { MAX_LINE, MAX_STREAMS, type OrderOf, parseOrder, TOKEN_BYTES, VERSION, writeMessage } from './messages.js';
import { Session } from './session.js';

export interface ServerOptions {
  /** The name it tells. */
  readonly node: string;
  /** Resolves to what a client of this address is called, or undefined: it is refused. May reject: refused too. */
  readonly admit: (address: string) => Promise<string | undefined>;
  /** Processes whose CPU time is reported, this one in any case. */
  readonly pids: readonly number[];
  /** Is told what happens, in a line. */
  readonly say: (words: string) => void;
}

/** Connections that have not said yet what they are. */
const UNKNOWN = 16;
/** How long a connection may take to say what it is, ms. */
const INTRODUCTION = 5_000;

export class BenchServer {
  readonly #options: ServerOptions;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #unknown = 0;
  /** Who is at work, and from where. */
  #session: { readonly session: Session; readonly client: string; readonly address: string } | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /**
   * @param port 0: any that is free
   * @returns the port
   * @throws PodwireError MACHINE if it cannot be had
   */
  async listen(address: string, port: number): Promise<number> {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
    server.maxConnections = UNKNOWN + MAX_STREAMS + 1;
    this.#servers.push(server);
    server.listen(port, address);
    try {
      await once(server, 'listening');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const mend =
        code === 'EADDRINUSE' ? ' is taken: is another podwire bench serve running? --port takes another' : '';
      throw new PodwireError('MACHINE', `TCP port ${port} of ${address}${mend || ` cannot be had: ${code}`}`);
    }
    const bound = server.address();
    return bound !== null && typeof bound === 'object' ? bound.port : port;
  }

  /** Breaks off whatever runs. */
  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    await this.#session?.session.end();
  }

  async #accept(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {}); // a client that went away; `close` follows
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    if (this.#unknown >= UNKNOWN) {
      socket.destroy();
      return;
    }
    this.#unknown++;
    const line = await firstLine(socket);
    this.#unknown--;
    const order = line && parseOrder(line.text);
    if (line && order?.type === 'hello') await this.#welcome(socket, address, order, line.rest);
    else if (line && order?.type === 'stream') this.#join(socket, address, order, line.rest);
    else this.#refuse(socket, address, 'this is podwire bench, and speaks with nobody else');
  }

  async #welcome(socket: Socket, address: string, { version }: OrderOf<'hello'>, rest: Buffer): Promise<void> {
    const { admit, node, say, pids } = this.#options;
    const client = await admit(address).catch(() => undefined);
    if (client === undefined) {
      this.#refuse(socket, address, `${address} is not the overlay address of a node that ${node} has as a peer`);
    } else if (version !== VERSION) {
      this.#refuse(socket, client, `${node} speaks version ${VERSION} of podwire bench, not ${version}`);
    } else if (this.#session) {
      this.#refuse(socket, client, `${node} is measuring for ${this.#session.client}: try again when that is done`);
    } else {
      const token = randomBytes(TOKEN_BYTES).toString('hex');
      socket.write(writeMessage({ type: 'welcome', version: VERSION, node, token }));
      const session = new Session({ socket, client, token, rest, pids });
      this.#session = { session, client, address };
      say(`${client} (${address}) measures`);
      const words = await session.run();
      this.#session = undefined;
      say(`${client} (${address}): ${words}`);
    }
  }

  /** A stream of the client that is at work. */
  #join(socket: Socket, address: string, { token, id }: OrderOf<'stream'>, rest: Buffer): void {
    const running = this.#session;
    const joins = running?.address === address && running.session.addStream(token, id, socket, rest);
    if (!joins) this.#refuse(socket, address, 'no test of yours waits for this stream');
  }

  #refuse(socket: Socket, client: string, words: string): void {
    this.#options.say(`${client} is refused: ${words}`);
    socket.end(writeMessage({ type: 'refused', words }));
    // Whatever it may still send is not read.
    socket.destroySoon();
  }
}

/** The first line and what came with it; undefined: there was none, in time and within bounds. */
function firstLine(socket: Socket): Promise<{ text: string; rest: Buffer } | undefined> {
  const lines = new Lines(MAX_LINE);
  return new Promise((resolve) => {
    const done = (line: { text: string; rest: Buffer } | undefined) => {
      clearTimeout(timer);
      socket.off('data', take);
      socket.off('close', gone);
      socket.off('end', gone);
      socket.pause();
      resolve(line);
    };
    const gone = () => done(undefined);
    const take = (bytes: Buffer) => {
      lines.push(bytes);
      const text = lines.next();
      if (text !== undefined) done(text === null ? undefined : { text, rest: lines.rest });
    };
    const timer = setTimeout(gone, INTRODUCTION);
    socket.on('data', take);
    socket.once('close', gone);
    socket.once('end', gone);
  });
}
