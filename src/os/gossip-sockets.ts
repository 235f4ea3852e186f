/** Gossip's sockets: UDP and TCP on one port of the underlay address, never on a wildcard. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Endpoint } from '../control/config/node-config.js';
import type {
  AcceptedStream,
  Clock,
  GossipTransport,
  StreamEnd,
  StreamListener,
  TransportListener,
} from '../control/membership/transport.js';
import { formatAddress, parseAddress } from '../wire/address.js';
import { PodwireError } from '../wire/error.js';

/** How long streams may last, and how many there may be. */
export interface StreamLimits {
  /** One that moves nothing for so long is closed, ms. */
  readonly idleMs: number;
  /** Its longest life, ms: a stranger that drips bytes does not hold it for ever. */
  readonly lifeMs: number;
  /**
   * Streams that others hold open at once: beyond it the oldest that has proved nothing gives way, so that strangers shut
   * nobody out, and cut nobody off.
   */
  readonly accepted: number;
  /** Of these, from one address and not proven yet: one machine does not crowd out the others' first words. */
  readonly strangersOfOne: number;
}

const LIMITS: StreamLimits = { idleMs: 10_000, lifeMs: 60_000, accepted: 128, strangersOfOne: 16 };
/** UDP buffers, bytes: a burst of gossip waits here while the main thread is busy. */
const BUFFER = 4 << 20;

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

export class GossipSockets implements GossipTransport {
  readonly #listener: TransportListener;
  readonly #local: Endpoint;
  readonly #limits: StreamLimits;
  readonly #udp: UdpSocket;
  readonly #server: Server;
  readonly #streams = new Set<Socket>();
  /** Those that others opened, the oldest first. */
  readonly #accepted = new Map<Socket, { readonly from: string; readonly stream: AcceptedStream }>();
  #closed: Promise<void> | undefined;

  private constructor(local: Endpoint, listener: TransportListener, limits: StreamLimits) {
    this.#local = local;
    this.#listener = listener;
    this.#limits = limits;
    this.#udp = createSocket({
      type: local.address.family === 4 ? 'udp4' : 'udp6',
      recvBufferSize: BUFFER,
      sendBufferSize: BUFFER,
    });
    this.#server = createServer({ noDelay: true }, (socket) => {
      const remote = endpointOf(socket.remoteAddress, socket.remotePort);
      if (!remote) return void socket.destroy();
      const stream = this.#listener.accept(streamEnd(socket, remote));
      this.#attach(socket, stream);
      this.#accepted.set(socket, { from: formatAddress(remote.address), stream });
      this.#makeWay(formatAddress(remote.address));
    });
  }

  /** @throws PodwireError MACHINE: the address or port cannot be had; nothing is open */
  static async open(
    local: Endpoint,
    listener: TransportListener,
    limits: StreamLimits = LIMITS,
  ): Promise<GossipSockets> {
    const sockets = new GossipSockets(local, listener, limits);
    try {
      await sockets.#bind();
      return sockets;
    } catch (error) {
      await sockets.close();
      const { code, message } = error as NodeJS.ErrnoException;
      const where = `${formatAddress(local.address)} port ${local.port}`;
      const why =
        code === 'EADDRINUSE' ? 'is taken: set gossip.port on this node' : `cannot be bound (${code ?? message})`;
      throw new PodwireError('MACHINE', `gossip's ${where} ${why}; nothing was changed`, { cause: error });
    }
  }

  async #bind(): Promise<void> {
    const host = formatAddress(this.#local.address);
    this.#udp.bind({ address: host, port: this.#local.port, exclusive: true });
    await once(this.#udp, 'listening');
    this.#server.listen({ host, port: this.#local.port, exclusive: true });
    await once(this.#server, 'listening');
    this.#udp.on('message', (datagram, { address, port }) => {
      const from = endpointOf(address, port);
      if (from) this.#listener.datagram(datagram, from);
    });
    // An address that went away, an unreachable network: the protocol notices by itself.
    this.#udp.on('error', () => {});
    this.#server.on('error', () => {});
  }

  send(datagram: Uint8Array, to: Endpoint): void {
    if (!this.#closed) this.#udp.send(datagram, to.port, formatAddress(to.address), () => {});
  }

  connect(to: Endpoint, listener: StreamListener): StreamEnd {
    const socket = connect({
      host: formatAddress(to.address),
      port: to.port,
      localAddress: formatAddress(this.#local.address),
      noDelay: true,
    });
    this.#attach(socket, listener);
    return streamEnd(socket, to);
  }

  /** Another stream has come from that address: if that is one too many, one gives way. Where all are proven, it is the new one. */
  #makeWay(from: string): void {
    const strangers = [...this.#accepted].filter(([, { stream }]) => !stream.proven);
    const ofOne = strangers.filter(([, other]) => other.from === from);
    const tooMany = ofOne.length > this.#limits.strangersOfOne ? ofOne : strangers;
    if (tooMany === strangers && this.#accepted.size <= this.#limits.accepted) return;
    const [[oldest]] = tooMany;
    this.#accepted.delete(oldest);
    oldest.destroy();
  }

  /** Resolves when both ports are free. May be called again. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const socket of this.#streams) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#server.close(() => resolve())),
      new Promise<void>((resolve) => this.#udp.close(resolve)),
    ]);
  }

  #attach(socket: Socket, listener: StreamListener): void {
    let reason: string | undefined;
    this.#streams.add(socket);
    const { idleMs, lifeMs } = this.#limits;
    const life = setTimeout(() => socket.destroy(new Error(`it lasted for ${lifeMs / 1000} s`)), lifeMs);
    socket.setTimeout(idleMs, () => socket.destroy(new Error(`nothing came for ${idleMs / 1000} s`)));
    socket.on('data', (bytes) => listener.data(bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message;
    });
    socket.on('close', () => {
      clearTimeout(life);
      this.#streams.delete(socket);
      this.#accepted.delete(socket);
      listener.closed(reason);
    });
  }
}

function streamEnd(socket: Socket, remote: Endpoint): StreamEnd {
  return {
    remote,
    write: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

function endpointOf(host: string | undefined, port: number | undefined): Endpoint | undefined {
  const address = host === undefined ? undefined : parseAddress(host);
  return address && port !== undefined ? { address, port } : undefined;
}
