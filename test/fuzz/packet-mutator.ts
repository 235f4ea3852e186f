/**
 * Changes to a packet that are likely to matter, in place and without allocating: beside bits and bytes it knows where an
 * IP packet has its lengths, its next header and its fragment bits, puts in extension headers, takes pieces of other
 * packets, and may repair checksums, so that a changed packet gets further.
 */
import { twins } from '../../src/bytes/index.js';
import type { Random } from '../../src/core/random.js';
import { get16, put16 } from '../../src/wire/big-endian.js';
import { IpView, TCP, UDP } from '../../src/wire/ip.js';
import { writeIpv4Checksum } from '../../src/wire/ipv4.js';

/** Telling bytes: versions, protocols, edges of ranges. */
const BYTES = [
  0, 1, 2, 4, 6, 8, 17, 43, 44, 45, 50, 51, 58, 59, 60, 0x45, 0x46, 0x4f, 0x60, 0x7f, 0x80, 0xe0, 0xfe, 0xff,
];
const EXTENSIONS = [0, 43, 44, 51, 60, 135, 59, 50];
/** The headers: this is where most changes go. */
const HEADERS = 100;
const LONGEST = 9000;

export class PacketMutator {
  /** The packet in hand. */
  readonly bytes = Buffer.alloc(65_536);
  length = 0;
  readonly #random: Random;
  readonly #corpus: readonly Buffer[];
  /** Bytes before the IP packet. */
  readonly #prefix: number;
  readonly #view = new IpView();

  constructor(random: Random, corpus: readonly Buffer[], prefix: number) {
    this.#random = random;
    this.#corpus = corpus;
    this.#prefix = prefix;
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** Makes the next packet, of one of the corpus; one in six is left as it is. */
  make(): void {
    const seed = this.#corpus[this.below(this.#corpus.length)];
    this.length = seed.copy(this.bytes);
    for (let changes = this.below(6); changes > 0; changes--) this.#change();
    if (this.below(2) === 0) this.#repair();
  }

  #change(): void {
    if (this.length === 0) return;
    const { bytes, length } = this;
    const prefix = this.#prefix;
    const ip = prefix < length ? bytes[prefix] >> 4 : 0;
    const at = this.below(this.below(10) < 8 ? Math.min(length, HEADERS) : length);
    switch (this.below(12)) {
      case 0:
        bytes[at] ^= 1 << this.below(8);
        break;
      case 1:
        bytes[at] = this.below(256);
        break;
      case 2:
        bytes[at] = BYTES[this.below(BYTES.length)];
        break;
      case 3:
        this.length = this.below(2) === 0 ? at : length - Math.min(length, this.below(8));
        break;
      case 4:
        this.#grow(this.below(60));
        break;
      case 5:
        this.#splice(at);
        break;
      case 6:
        if (at + 1 < length) put16(bytes, at, this.#length16());
        break;
      case 7:
        // The IP packet's own length.
        if (ip === 4) this.#put16(prefix + 2, this.#length16());
        else this.#put16(prefix + 4, this.#length16());
        break;
      case 8:
        // Protocol, or next header.
        this.#put8(prefix + (ip === 4 ? 9 : 6), BYTES[this.below(BYTES.length)]);
        break;
      case 9:
        // Fragment bits, or a header's own length: the first extension header's, TCP's, IPv4's.
        if (ip === 4) this.#put16(prefix + 6, [0x2000, 0x1fff, 0x4000, 0x0001, this.below(65_536)][this.below(5)]);
        else this.#put8(prefix + 41, this.below(256));
        break;
      case 10:
        this.#put8(prefix + (ip === 4 ? [0, 32][this.below(2)] : 52), this.below(256));
        break;
      default:
        if (ip === 6) this.#extend();
        else this.#swapAddresses(ip);
    }
  }

  #put8(at: number, value: number): void {
    if (at < this.length) this.bytes[at] = value;
  }

  #put16(at: number, value: number): void {
    if (at + 1 < this.length) put16(this.bytes, at, value);
  }

  #length16(): number {
    const inner = this.length - this.#prefix;
    return (
      [0, 1, inner, inner - 40, inner - 20, inner + 1, inner - 1, 8, 20, 40, 0x7fff, 0xffff][this.below(12)] & 0xffff
    );
  }

  #grow(count: number): void {
    if (this.length + count > LONGEST) return;
    this.bytes.fill(this.below(256), this.length, this.length + count);
    this.length += count;
  }

  /** A piece of another packet in this one's place. */
  #splice(at: number): void {
    const other = this.#corpus[this.below(this.#corpus.length)];
    const from = this.below(2) === 0 ? Math.min(at, other.length) : this.below(other.length + 1);
    const end = this.below(2) === 0 ? other.length : Math.min(other.length, from + this.below(40));
    const copied = other.copy(this.bytes, at, from, end);
    this.length = this.below(2) === 0 ? at + copied : Math.max(this.length, at + copied);
  }

  /** One more IPv6 extension header behind the fixed one. */
  #extend(): void {
    const prefix = this.#prefix;
    const at = prefix + 40;
    const size = 8 * (1 + this.below(3));
    if (this.length < at || this.length + size > LONGEST) return;
    this.bytes.copyWithin(at + size, at, this.length);
    this.bytes.fill(0, at, at + size);
    this.bytes[at] = this.bytes[prefix + 6];
    this.bytes[at + 1] = size / 8 - 1;
    this.bytes[prefix + 6] = EXTENSIONS[this.below(EXTENSIONS.length)];
    this.length += size;
    put16(this.bytes, prefix + 4, get16(this.bytes, prefix + 4) + size);
  }

  #swapAddresses(ip: number): void {
    const [at, size] = ip === 4 ? [12, 4] : [8, 16];
    const source = this.#prefix + at;
    if (source + 2 * size > this.length) return;
    for (let i = source; i < source + size; i++) {
      const byte = this.bytes[i];
      this.bytes[i] = this.bytes[i + size];
      this.bytes[i + size] = byte;
    }
  }

  #repair(): void {
    const view = this.#view;
    const at = this.#prefix;
    if (this.length <= at || !view.parse(this.bytes, at, this.length - at)) return;
    if (view.version === 4) writeIpv4Checksum(this.bytes, at, view.headerLength);
    const field = view.protocol === TCP ? 16 : view.protocol === UDP ? 6 : -1;
    if (view.transport < 0 || field < 0 || view.transport + field + 2 > view.length) return;
    const start = at + view.transport;
    put16(this.bytes, start + field, 0);
    const sum = twins.sum(this.bytes, start, view.length - view.transport, view.pseudoHeaderSum());
    put16(this.bytes, start + field, ~sum & 0xffff || 0xffff);
  }
}
