/**
 * Any Duplex that carries one IP packet a chunk, such as a TUN library's stream, as a device. Packets that arrive faster
 * than they are read wait in a bounded queue; when the stream does not take more, packets to it are dropped and counted,
 * as a full device does.
 */
import type { Duplex } from 'node:stream';
import type { Batch } from '../bytes/batch.js';
import { PodwireError } from '../wire/error.js';
import type { DeviceCapabilities, DeviceEdge } from './edges.js';
import { LONGEST_PACKET, MemoryDevice } from './memory-device.js';

/** Options of `duplexEdge`. */
export interface DuplexEdgeOptions {
  /** Packets that may wait to be read; default 1,024. */
  limit?: number;
}

/** A device that is a stream. It throws `PodwireError` EDGE_LOST from `read` once the stream has failed, ended or was closed. */
export interface DuplexEdge extends DeviceEdge {
  /** Chunks dropped because the queue was full or they were no packet, inward, or the stream took no more, outward. */
  readonly dropped: number;
}

/**
 * Makes a stream of IP packets a device.
 * @param stream one chunk is one IP packet, both ways, without any header before it. Chunks may not be joined: set
 *   `objectMode` or write no faster than they are read. The caller keeps it: `close` only lets go of it.
 */
export function duplexEdge(stream: Duplex, options: DuplexEdgeOptions = {}): DuplexEdge {
  return new StreamDevice(stream, options);
}

class StreamDevice implements DuplexEdge {
  readonly capabilities: DeviceCapabilities;
  #lost: PodwireError | undefined;
  readonly #stream: Duplex;
  readonly #memory: MemoryDevice;
  #refused = 0;
  #noPackets = 0;
  #listener: (() => void) | undefined;
  readonly #onData = (chunk: unknown) => {
    if (chunk instanceof Uint8Array && chunk.length <= LONGEST_PACKET) this.#memory.inject(chunk);
    else this.#noPackets++;
  };
  readonly #onError = (cause: Error) => this.#lose(`the device's stream failed: ${cause.message}`, cause);
  /** Half a stream is no device. */
  readonly #onEnd = () => this.#lose("the device's stream has ended");
  readonly #onClose = () => this.#lose("the device's stream was closed");

  constructor(stream: Duplex, options: DuplexEdgeOptions) {
    this.#stream = stream;
    this.#memory = new MemoryDevice({
      ...(options.limit === undefined ? {} : { limit: options.limit }),
      onPacket: (packet) => this.#write(packet),
    });
    this.capabilities = this.#memory.capabilities;
    stream.on('data', this.#onData);
    stream.on('error', this.#onError);
    stream.on('end', this.#onEnd);
    stream.on('finish', this.#onEnd);
    stream.on('close', this.#onClose);
    // What has happened already is not told again.
    if (stream.destroyed) this.#onClose();
    else if (!stream.readable || !stream.writable) this.#onEnd();
  }

  get dropped(): number {
    return this.#memory.dropped + this.#noPackets + this.#refused;
  }

  read(batch: Batch, headroom: number): number {
    if (this.#lost) throw this.#lost;
    return this.#memory.read(batch, headroom);
  }

  write(batch: Batch): number {
    const before = this.#refused;
    return this.#memory.write(batch) - (this.#refused - before);
  }

  onReadable(listener: () => void): void {
    this.#listener = listener;
    this.#memory.onReadable(listener);
  }

  close(): void {
    this.#stream.off('data', this.#onData);
    this.#stream.off('error', this.#onError);
    this.#stream.off('end', this.#onEnd);
    this.#stream.off('finish', this.#onEnd);
    this.#stream.off('close', this.#onClose);
    this.#memory.close();
  }

  /** Whoever drives this edge is woken, so that the next read tells it. */
  #lose(message: string, cause?: Error): void {
    this.#lost ??= new PodwireError('EDGE_LOST', message, { cause });
    this.#listener?.();
  }

  #write(packet: Uint8Array): void {
    if (!this.#stream.writable || this.#stream.writableNeedDrain) {
      this.#refused++;
      return;
    }
    this.#stream.write(Buffer.from(packet));
  }
}
