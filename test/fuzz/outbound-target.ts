/**
 * The whole outbound path, in memory: mutated packets and superpackets from the device, with virtio headers that are right,
 * or lie; in between a good TCP flow of superpackets. What it sends goes to two real peers, whose path may be narrower.
 * What must hold after each turn:
 *
 * - nothing was thrown; a packet that came alone was dropped under one counter, or left as frames
 * - each frame is one that its peer accepts, as long as virtio headers do not lie
 * - each ICMP error is a whole packet with right checksums
 * - the good flow came whole, in order, with right checksums
 */
import {
  ADDRESS,
  type Batch,
  LENGTH,
  OFFSET,
  PORT as PORT_WORD,
  RECORD,
  SEGMENT,
  STATUS,
  VIRTIO_HEADER,
} from '../../src/bytes/batch.js';
import { twins } from '../../src/bytes/index.js';
import type { DeviceCapabilities, DeviceEdge, UnderlayEdge } from '../../src/dataplane/edges.js';
import { PacketQueue } from '../../src/dataplane/packet-queue.js';
import type { Peer } from '../../src/dataplane/peers.js';
import { sameWords } from '../../src/wire/address.js';
import { ICMP, ICMPV6 } from '../../src/wire/ip.js';
import { pattern, tcpPacket, udpPacket, virtioFor } from '../unit/dataplane/packets.js';
import { goodPackets } from './frames.js';
import { GoodStream } from './good-stream.js';
import type { Mutator } from './mutate.js';
import { PacketMutator } from './packet-mutator.js';
import type { Target } from './target.js';
import {
  ALPHA,
  BRAVO,
  CHARLIE,
  type FuzzedNode,
  Gains,
  GOOD,
  MTU,
  makeNode,
  PODS,
  PORT,
  RX_ENDS,
  TX_DROPS,
  TX_UNSENT,
} from './world.js';
import { WrittenPacket } from './written-packet.js';

const OFFLOADS: DeviceCapabilities = { checksum: true, tcpSegmentation: true, udpSegmentation: true };
const UNDERLAY = { maxSegments: 64, sourcePorts: 8 };
const EMSGSIZE = 90;
const ENOBUFS = 105;
/** Outer IP packet that reaches charlie, bytes. */
const NARROW = 1380;
const MOST_KEPT = 500;

/** A peer: what was sent to it, and what its device was handed. */
class Receiver implements DeviceEdge, UnderlayEdge {
  readonly capabilities = { ...OFFLOADS, ...UNDERLAY };
  readonly #waiting = new PacketQueue(100_000);
  readonly #written = new WrittenPacket();
  readonly #stream: GoodStream;
  node: FuzzedNode | undefined;
  gains: Gains | undefined;
  frames = 0;

  constructor(stream: GoodStream) {
    this.#stream = stream;
  }

  push(bytes: Uint8Array): void {
    this.frames++;
    this.#waiting.push({ bytes: Uint8Array.from(bytes), segment: 0, from: ALPHA.underlay.words, port: 49_152, tos: 0 });
  }

  receive(batch: Batch): number {
    return this.#waiting.drainInto(batch, 0);
  }

  write(batch: Batch): number {
    let packets = 0;
    for (let next = 0; next < batch.count; packets++) {
      next = this.#written.take(batch, next);
      if (this.#stream.isIts(this.#written.view)) this.#stream.take(this.#written);
    }
    return packets;
  }

  /** Takes turns until all was read. @param strict all of it must be accepted */
  settle(strict: boolean): void {
    const { node, gains } = this;
    if (!node || !gains) return;
    while (this.#waiting.length > 0) node.pipeline.turn();
    node.pipeline.rest();
    gains.look();
    if (gains.sum(RX_ENDS) !== this.frames)
      throw new Error(`${this.frames} frames did not end once each: ${gains.numbers()}`);
    if (strict && gains.of('rx_frames') !== this.frames)
      throw new Error(`${node.self.node} refuses frames that were sent to it: ${gains.numbers()}`);
    this.frames = 0;
  }

  send(batch: Batch): number {
    return batch.count;
  }

  read(): number {
    return 0;
  }

  pathMtu(): number {
    return 0;
  }

  onReadable(): void {}

  close(): void {}
}

export class OutboundTarget implements Target, DeviceEdge, UnderlayEdge {
  readonly name = 'outbound';
  readonly share: number;
  inputs = 0;
  readonly capabilities = { ...OFFLOADS, ...UNDERLAY };
  readonly #tools: PacketMutator;
  readonly #corpus: Buffer[];
  readonly #kinds = new Set<string>();
  readonly #stream = new GoodStream(GOOD.alpha, GOOD.bravo);
  readonly #receivers: readonly (readonly [Peer, Receiver])[];
  readonly #written = new WrittenPacket();
  /** What the device holds for this turn: each packet and its virtio header. */
  readonly #waiting: (readonly [packet: Buffer, header: Buffer])[] = [];
  #node: FuzzedNode | undefined;
  #gains: Gains | undefined;
  #turns = 0;
  #single = false;
  #lies = false;
  #packets = 0;
  #frames = 0;
  #errors = 0;

  private constructor(share: number, { random }: Mutator) {
    this.share = share;
    const flows = [PODS.bravo, PODS.charlie];
    this.#corpus = flows.flatMap((pods) => [...goodPackets(PODS.alpha, pods), ...superpackets(PODS.alpha, pods)]);
    this.#tools = new PacketMutator(random, this.#corpus, 0);
    this.#receivers = [BRAVO, CHARLIE].map((peer) => [peer, new Receiver(this.#stream)] as const);
  }

  static async create(share: number, tools: Mutator): Promise<OutboundTarget> {
    const target = new OutboundTarget(share, tools);
    const now = () => target.#turns / 20;
    target.#node = await makeNode(ALPHA, target, target, now);
    target.#gains = new Gains(target.#node.context.counters);
    for (const [peer, receiver] of target.#receivers) {
      receiver.node = await makeNode(peer, receiver, receiver, now);
      receiver.gains = new Gains(receiver.node.context.counters);
    }
    return target;
  }

  next(): string {
    const { pipeline } = this.#node as FuzzedNode;
    this.#turns++;
    this.#packets = this.#frames = this.#errors = 0;
    this.#lies = false;
    this.#single = this.#tools.below(2) === 0;
    this.#fill();
    while (this.#waiting.length > 0) {
      if (!pipeline.turn()) throw new Error('packets wait at the device and are not read');
    }
    pipeline.rest();
    this.#judge();
    return this.#learn();
  }

  latest(): string {
    return `turn ${this.#turns}, ${this.#tools.bytes.toString('hex', 0, this.#tools.length)}`;
  }

  // The device: packets of pods, and ICMP errors to them.

  read(batch: Batch, headroom: number): number {
    let count = 0;
    for (const [packet, header] of this.#waiting) {
      const at = batch.cursor + headroom;
      if (batch.full || at + packet.length > batch.end) break;
      packet.copy(batch.bytes, at);
      header.copy(batch.bytes, at - VIRTIO_HEADER);
      batch.append(at, packet.length);
      batch.cursor = (at + packet.length + 3) & ~3;
      count++;
    }
    this.#waiting.splice(0, count);
    this.#packets += count;
    return count;
  }

  write(batch: Batch): number {
    for (let next = 0; next < batch.count; this.#errors++) {
      next = this.#written.take(batch, next);
      const { view, bytes, length } = this.#written;
      if (view.protocol !== ICMP && view.protocol !== ICMPV6) throw new Error(`an error of protocol ${view.protocol}`);
      const pseudo = view.version === 6 ? view.pseudoHeaderSum() : 0;
      if (!view.headerSumOk() || twins.sum(bytes, view.transport, length - view.transport, pseudo) !== 0xffff)
        throw new Error('an ICMP error with a wrong checksum');
    }
    return this.#errors;
  }

  // The underlay.

  receive(): number {
    return 0;
  }

  send(batch: Batch): number {
    let sent = 0;
    for (let row = 0; row < batch.count * RECORD; row += RECORD) {
      batch.records[row + STATUS] = this.#sendRecord(batch, row);
      if (batch.records[row + STATUS] === 0) sent++;
    }
    return sent;
  }

  pathMtu(): number {
    return NARROW;
  }

  onReadable(): void {}

  close(): void {}

  #fill(): void {
    const count = this.#single ? 1 : 1 + this.#tools.below(6);
    for (let i = 0; i < count; i++) this.#waiting.push(this.#hostile());
    if (!this.#single) this.#waiting.push(this.#good());
  }

  #good(): [Buffer, Buffer] {
    const packet = this.#stream.packet(600 + this.#tools.below(20_000));
    return [packet, virtioFor(packet, MTU - 40)];
  }

  #hostile(): [Buffer, Buffer] {
    const tools = this.#tools;
    tools.make();
    this.inputs++;
    const header = Buffer.alloc(VIRTIO_HEADER);
    const kind = tools.below(8);
    if (kind === 0) {
      for (let i = 0; i < VIRTIO_HEADER; i++)
        header[i] = [0, 1, 2, 4, 5, 6, 17, 20, 0x81, tools.below(256)][tools.below(10)];
      this.#lies = true;
    } else if (kind < 4) {
      const packet = tools.bytes.subarray(0, tools.length);
      if (isPlain(packet)) virtioFor(packet, tools.below(3) === 0 ? 0 : 1 + tools.below(1500)).copy(header);
    }
    return [Buffer.from(tools.bytes.subarray(0, tools.length)), header];
  }

  #sendRecord({ bytes, records }: Batch, row: number): number {
    const to = [...records.subarray(row + ADDRESS, row + ADDRESS + 4)];
    const receiver = this.#receivers.find(([peer]) => sameWords(peer.underlay.words, to))?.[1];
    if (!receiver) throw new Error('a frame to nobody');
    if (records[row + PORT_WORD] !== PORT) throw new Error('a frame to another port');
    const offset = records[row + OFFSET];
    const length = records[row + LENGTH];
    const segment = records[row + SEGMENT] || length;
    if (length > 65_507 || Math.ceil(length / segment) > UNDERLAY.maxSegments)
      throw new Error('a message too long to be cut');
    if (Math.min(segment, length) + 28 > (receiver === this.#receivers[1][1] ? NARROW : MTU + 50)) return EMSGSIZE;
    if (this.#single && this.#tools.below(100) === 0) return ENOBUFS;
    for (let at = 0; at < length; at += segment) {
      receiver.push(bytes.subarray(offset + at, offset + Math.min(length, at + segment)));
      this.#frames++;
    }
    return 0;
  }

  #judge(): void {
    const gains = this.#gains as Gains;
    gains.look();
    const said = () => `: ${gains.numbers()}`;
    if (gains.of('tx_packets') !== this.#packets) throw new Error(`${this.#packets} packets were read${said()}`);
    if (gains.of('tx_frames') !== this.#frames) throw new Error(`${this.#frames} frames were sent${said()}`);
    if (gains.of('icmp_sent') !== this.#errors) throw new Error(`${this.#errors} ICMP errors were written${said()}`);
    const drops = gains.sum(TX_DROPS);
    if (drops > this.#packets) throw new Error(`${this.#packets} packets were dropped more than once${said()}`);
    const left = this.#frames + gains.sum(TX_UNSENT);
    if (this.#single && (drops === 0) === (left === 0))
      throw new Error(`a packet ended neither once nor as frames${said()}`);
    for (const [, receiver] of this.#receivers) receiver.settle(!this.#lies);
    this.#stream.judge();
  }

  #learn(): string {
    if (!this.#single) return 'many';
    const kind = (this.#gains as Gains).inWords();
    if (!this.#kinds.has(kind) && this.#kinds.size < MOST_KEPT) {
      this.#kinds.add(kind);
      const { bytes, length } = this.#tools;
      this.#corpus.push(Buffer.from(Uint8Array.from(bytes.subarray(0, length)).buffer));
    }
    return kind;
  }
}

/** What `virtioFor` understands: TCP or UDP right behind an IP header without options. */
function isPlain(packet: Buffer): boolean {
  if (packet.length < 60) return false;
  const protocol = packet[0] === 0x45 ? packet[9] : packet[0] >> 4 === 6 ? packet[6] : 0;
  return protocol === 6 || protocol === 17;
}

function superpackets(from: readonly [string, string], to: readonly [string, string]): Buffer[] {
  return ([0, 1] as const).flatMap((i) => {
    const flow = { from: from[i], to: to[i] };
    return [
      tcpPacket(flow, pattern(20_000), { partial: true }),
      udpPacket(flow, pattern(6000), { partial: true }),
      udpPacket(flow, pattern(6000), { partial: true, dontFragment: false }),
      udpPacket(flow, pattern(3000), { dontFragment: false }),
    ];
  });
}
