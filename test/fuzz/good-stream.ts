/** The flow that nothing may disturb: a TCP stream between two pods whose bytes follow from their place in it. */
import { get32 } from '../../src/wire/big-endian.js';
import type { IpView } from '../../src/wire/ip.js';
import { address, tcpPacket } from '../unit/dataplane/packets.js';
import type { WrittenPacket } from './written-packet.js';

const PAYLOAD = 500;

export class GoodStream {
  readonly #flow: { from: string; to: string; fromPort: number; toPort: number };
  readonly #source: number;
  readonly #destination: number;
  /** Sequence numbers: of the next byte that is sent, and of the next that should come. */
  #sent = 0;
  #came = 0;

  /** @param from a pod's IPv4 address; @param to another's */
  constructor(from: string, to: string) {
    this.#flow = { from, to, fromPort: 7000, toPort: 7001 };
    this.#source = address(from).words[3];
    this.#destination = address(to).words[3];
  }

  /** The next packet, or a superpacket of `payload` bytes whose checksum is left open. */
  packet(payload = PAYLOAD): Buffer {
    const bytes = Buffer.allocUnsafe(payload);
    for (let i = 0; i < payload; i++) bytes[i] = byteAt(this.#sent + i);
    const packet = tcpPacket(this.#flow, bytes, { seq: this.#sent, partial: payload > PAYLOAD });
    this.#sent = (this.#sent + payload) >>> 0;
    return packet;
  }

  isIts(view: IpView): boolean {
    return view.version === 4 && view.src3 === this.#source && view.dst3 === this.#destination;
  }

  /** A packet of it that came. @throws it is not what was sent next */
  take({ bytes, length, headers, view, sumOk }: WrittenPacket): void {
    const sequence = get32(bytes, view.transport + 4) >>> 0;
    if (sequence !== this.#came) throw new Error(`of the good flow ${sequence} came in place of ${this.#came}`);
    if (!sumOk) throw new Error('a packet of the good flow has a wrong checksum');
    for (let at = headers; at < length; at++) {
      if (bytes[at] !== byteAt(sequence + at - headers)) throw new Error(`byte ${at} of the good flow was changed`);
    }
    this.#came = (sequence + length - headers) >>> 0;
  }

  /** @throws not all that was sent has come */
  judge(): void {
    if (this.#came !== this.#sent)
      throw new Error(`the good flow was sent up to ${this.#sent} and came to ${this.#came}`);
  }
}

function byteAt(place: number): number {
  return (Math.imul(place >>> 0, 31) >>> 3) & 0xff;
}
