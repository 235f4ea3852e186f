/**
 * ICMP errors to those who sent through the device: written during a turn, handed to the device at its end, and no more
 * of them than the rate limit grants.
 */
import { Batch, VIRTIO_HEADER } from '../bytes/batch.js';
import { C } from '../core/counters.js';
import { ICMP_ERROR_MOST, mayAnswer, writeTooBig, writeUnreachable } from '../core/icmp-errors.js';
import { TokenBucket } from '../core/token-bucket.js';
import type { IpView } from '../wire/ip.js';
import { writeVirtioDone } from '../wire/virtio.js';
import type { DeviceEdge } from './edges.js';
import type { PathContext } from './vtep.js';

/** Errors a second and at once: what Linux allows a host by default (`icmp_msgs_per_sec`, `icmp_msgs_burst`). */
const RATE = 1000;
const BURST = 50;

/** One answer in the arena: virtio header, packet, aligned. */
const SLOT = (VIRTIO_HEADER + ICMP_ERROR_MOST + 7) & ~7;

export class IcmpAnswers {
  readonly #device: DeviceEdge;
  readonly #context: PathContext;
  readonly #limit = new TokenBucket(RATE, BURST);
  readonly #batch = Batch.allocate(BURST * SLOT, BURST);
  readonly #source = new Int32Array(4);

  constructor(device: DeviceEdge, context: PathContext) {
    this.#device = device;
    this.#context = context;
  }

  /** The packet does not fit the path to `peer`, which takes `mtu` bytes. Comes from the peer's overlay address. */
  tooBig(view: IpView, mtu: number, peer: number): void {
    if (!this.#granted(view)) return;
    const family = view.version;
    const { table } = this.#context;
    if (table.hasOverlay(peer, family)) {
      for (let i = 0; i < 4; i++) this.#source[i] = table.overlayWord(peer, family, i);
    } else {
      this.#sourceIsDestination(view);
    }
    const at = this.#batch.cursor + VIRTIO_HEADER;
    this.#append(at, writeTooBig(view, mtu, this.#source, this.#batch.bytes, at));
  }

  /** Nobody owns the packet's destination. Comes from that destination, for want of a router's address. */
  unreachable(view: IpView): void {
    if (!this.#granted(view)) return;
    this.#sourceIsDestination(view);
    const at = this.#batch.cursor + VIRTIO_HEADER;
    this.#append(at, writeUnreachable(view, this.#source, this.#batch.bytes, at));
  }

  /** Hands everything to the device; the packets that the answers are about may be released before. */
  flush(): void {
    if (this.#batch.count === 0) return;
    this.#context.counters[C.icmp_sent] += this.#device.write(this.#batch);
    this.#batch.clear();
  }

  #granted(view: IpView): boolean {
    if (!mayAnswer(view)) return false;
    if (!this.#batch.full && this.#limit.take(this.#context.now())) return true;
    this.#context.counters[C.icmp_limited]++;
    return false;
  }

  #append(at: number, length: number): void {
    writeVirtioDone(this.#batch.bytes, at - VIRTIO_HEADER);
    this.#batch.append(at, length);
    this.#batch.cursor += SLOT;
  }

  #sourceIsDestination(view: IpView): void {
    this.#source[0] = view.dst0;
    this.#source[1] = view.dst1;
    this.#source[2] = view.dst2;
    this.#source[3] = view.dst3;
  }
}
