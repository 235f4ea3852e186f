/**
 * The whole inbound path, in memory: batches of mutated frames of peers and strangers, alone and as GRO would have joined
 * them, with lies about their sizes; in between a good TCP flow. What must hold after each turn:
 *
 * - nothing was thrown; each datagram added to exactly one counter of `RX_ENDS`
 * - each packet written is a whole one from the peer it claims to be of, to an address of ours, with a virtio header that is
 *   true, and, packet by packet, what some frame of this turn carried
 * - each answer to a neighbour is a whole frame to a peer
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
  TOS,
} from '../../src/bytes/batch.js';
import type { DeviceCapabilities, DeviceEdge, UnderlayEdge } from '../../src/dataplane/edges.js';
import { type Address, sameWords } from '../../src/wire/address.js';
import { ARP_FRAME } from '../../src/wire/arp.js';
import { get16, get32, put32 } from '../../src/wire/big-endian.js';
import { ETHERTYPE_ARP } from '../../src/wire/ethernet.js';
import { IpView, ipLength, TCP, UDP } from '../../src/wire/ip.js';
import { ADVERTISEMENT_FRAME } from '../../src/wire/ndp.js';
import { PATH_PROBE_FRAME } from '../../src/wire/path-probe.js';
import { GSO_NONE } from '../../src/wire/virtio.js';
import { checkVxlan, ENCAPSULATION, ENCAPSULATION_ETHERTYPE, VXLAN_OK } from '../../src/wire/vxlan.js';
import { address, pattern, tcpPacket, udpPacket } from '../unit/dataplane/packets.js';
import { frameOf, goodPackets, otherFrames } from './frames.js';
import { GoodStream } from './good-stream.js';
import { hash } from './hash.js';
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
  makeNode,
  ownerOf,
  PODS,
  PORT,
  RX_ENDS,
  VNI,
} from './world.js';
import { WrittenPacket } from './written-packet.js';

const RECORDS = 32;
const SLOT = 65_536;
const EMSGSIZE = 90;
const EIO = 5;
/** A message of GRO's is at most so long, and so many datagrams; some are more, which no kernel would do. */
const JOINED = 64;
const STRANGER = address('203.0.113.99');
/** Single frames that led to something new. */
const MOST_KEPT = 500;

export class InboundTarget implements Target, DeviceEdge, UnderlayEdge {
  readonly name: string;
  readonly share: number;
  inputs = 0;
  readonly capabilities: DeviceCapabilities & UnderlayEdge['capabilities'];
  readonly #tools: PacketMutator;
  readonly #corpus: Buffer[];
  readonly #kinds = new Set<string>();
  readonly #stream = new GoodStream(GOOD.bravo, GOOD.alpha);
  readonly #view = new IpView();
  readonly #written = new WrittenPacket();
  /** Of the packets of this turn: whole, and by what TCP and UDP carry. */
  readonly #whole = new Set<number>();
  readonly #carried = new Set<number>();
  #node: FuzzedNode | undefined;
  #gains: Gains | undefined;
  #turns = 0;
  #datagrams = 0;
  #packets = 0;
  #refused = 0;
  #probes = 0;
  #answers = 0;
  /** A packet that is no frame's as it came. */
  #changed = '';
  #single = false;
  #marked = false;
  #shape = '';
  #latest = '';

  private constructor(name: string, share: number, offloads: boolean, { random }: Mutator) {
    this.name = name;
    this.share = share;
    this.capabilities = {
      checksum: offloads,
      tcpSegmentation: offloads,
      udpSegmentation: offloads,
      maxSegments: 64,
      sourcePorts: 8,
    };
    const ofPeer = (peer: typeof BRAVO, pods: readonly [string, string]) => [
      ...[...goodPackets(pods, PODS.alpha), ...unfinished(pods, PODS.alpha)].map((packet) =>
        frameOf(packet, VNI, ALPHA.mac, peer.mac),
      ),
      ...otherFrames(VNI, ALPHA.mac, peer.mac),
    ];
    this.#corpus = [...ofPeer(BRAVO, PODS.bravo), ...ofPeer(CHARLIE, PODS.charlie)];
    this.#tools = new PacketMutator(random, this.#corpus, ENCAPSULATION);
  }

  /** @param offloads whether the device takes superpackets and open checksums */
  static async create(name: string, share: number, offloads: boolean, tools: Mutator): Promise<InboundTarget> {
    const target = new InboundTarget(name, share, offloads, tools);
    const onProbe = (_peer: number, frame: Uint8Array) => {
      if (frame.length !== PATH_PROBE_FRAME) throw new Error(`a probe of ${frame.length} bytes`);
      target.#probes++;
    };
    target.#node = await makeNode(ALPHA, target, target, () => target.#turns / 20, onProbe);
    target.#gains = new Gains(target.#node.context.counters);
    return target;
  }

  next(): string {
    const { pipeline } = this.#node as FuzzedNode;
    this.#turns++;
    this.#datagrams = this.#packets = this.#refused = this.#probes = this.#answers = 0;
    this.#changed = this.#shape = '';
    this.#marked = false;
    this.#whole.clear();
    this.#carried.clear();
    this.#single = this.#tools.below(8) === 0;
    pipeline.turn();
    pipeline.rest();
    this.#judge();
    return this.#learn();
  }

  latest(): string {
    return `turn ${this.#turns}, the last frame ${this.#latest}`;
  }

  // The underlay: what comes, and what is answered.

  receive(batch: Batch): number {
    const count = this.#single ? 1 : 1 + this.#tools.below(RECORDS - 4);
    for (let i = 0; i < count; i++) {
      if (this.#tools.below(12) === 0) this.#good(batch);
      this.#hostile(batch);
    }
    if (this.#single || this.#tools.below(2) === 0) this.#good(batch);
    return batch.count;
  }

  send(batch: Batch): number {
    for (let i = 0; i < batch.count; i++) this.#checkAnswer(batch, i * RECORD);
    return batch.count;
  }

  pathMtu(): number {
    return 0;
  }

  // The device: nothing is read from it.

  read(): number {
    return 0;
  }

  write(batch: Batch): number {
    let taken = 0;
    for (let next = 0; next < batch.count; ) {
      const first = next * RECORD;
      next = this.#written.take(batch, next);
      this.#checkWritten();
      const refuses = !this.#stream.isIts(this.#written.view) && this.#tools.below(200) === 0;
      batch.records[first + STATUS] = refuses ? EIO : 0;
      if (refuses) this.#refused++;
      else taken++;
    }
    this.#packets += taken;
    return taken;
  }

  onReadable(): void {}

  close(): void {}

  #append(batch: Batch, length: number, segment: number, from: Address): void {
    const row = batch.append(batch.cursor, length);
    batch.records[row + SEGMENT] = segment;
    batch.records[row + PORT_WORD] = 49_152 + this.#tools.below(8);
    batch.records.set(from.words, row + ADDRESS);
    batch.cursor += SLOT;
  }

  /** The next packets of the good flow. */
  #good(batch: Batch): void {
    if (batch.full) return;
    const frame = frameOf(this.#stream.packet(), VNI, ALPHA.mac, BRAVO.mac);
    frame.copy(batch.bytes, batch.cursor);
    this.#datagrams++;
    this.#append(batch, frame.length, 0, BRAVO.underlay);
  }

  /** One message: a mutated frame, or several as one. */
  #hostile(batch: Batch): void {
    if (batch.full) return;
    const tools = this.#tools;
    tools.make();
    const { bytes, length } = tools;
    const sender = tools.below(20);
    const from = sender < 11 ? BRAVO : sender < 17 ? CHARLIE : sender < 18 ? ALPHA : undefined;
    const row = batch.count * RECORD;
    const at = batch.cursor;
    const joins = !this.#single && length > 0 && tools.below(4) === 0;
    const copies = joins
      ? Math.min(1 + tools.below(tools.below(50) === 0 ? 1300 : JOINED), Math.floor(SLOT / length))
      : 1;
    let end = bytes.copy(batch.bytes, at, 0, length);
    for (let copy = 1; copy < copies; copy++) {
      end += bytes.copy(batch.bytes, at + end, 0, length);
      // So that a train is one: TCP goes on where the packet before it ended.
      this.#continue(batch.bytes, at + end - length, length);
    }
    const lies = tools.below(20) === 0;
    const segment = lies ? 1 + tools.below(2000) : copies > 1 ? length : 0;
    const step = segment || end || 1;
    this.#append(batch, end, segment, from?.underlay ?? STRANGER);
    if (tools.below(50) === 0) {
      batch.records[row + TOS] = tools.below(256);
      this.#marked = true;
    }
    if (tools.below(100) === 0) {
      batch.records[row + STATUS] = EMSGSIZE;
      batch.records[row + LENGTH] = 0;
      this.#datagrams++;
      this.inputs++;
      return;
    }
    // A message that holds one packet of its very length is one, whatever is said of segments.
    const whole = segment > 0 && this.#isWhole(batch.bytes, at, end);
    const frames = whole ? 1 : Math.max(1, Math.ceil(end / step));
    this.#datagrams += frames;
    this.inputs += frames;
    const size = whole ? end : step;
    for (let frame = 0; frame < end; frame += size) this.#note(batch.bytes, at + frame, Math.min(size, end - frame));
  }

  #isWhole(bytes: Buffer, at: number, length: number): boolean {
    return ipLength(bytes, at + ENCAPSULATION, length - ENCAPSULATION) === length - ENCAPSULATION;
  }

  #continue(bytes: Buffer, at: number, length: number): void {
    const view = this.#view;
    if (length <= ENCAPSULATION || !view.parse(bytes, at + ENCAPSULATION, length - ENCAPSULATION)) return;
    if (view.protocol !== TCP || view.transport < 0 || view.transport + 20 > view.length) return;
    const transport = view.offset + view.transport;
    const header = (bytes[transport + 12] >> 4) * 4;
    const payload = view.length - view.transport - header;
    // From the copy before it, which is as long.
    const sequence = get32(bytes, transport - length + 4) + payload;
    const old = get32(bytes, transport + 4);
    put32(bytes, transport + 4, sequence);
    fixSum(bytes, transport + 16, old, sequence);
  }

  #note(bytes: Buffer, at: number, length: number): void {
    const view = this.#view;
    if (length <= ENCAPSULATION || !view.parse(bytes, at + ENCAPSULATION, length - ENCAPSULATION)) return;
    this.#whole.add(hash(bytes, view.offset, view.offset + view.length));
    const transport = view.offset + view.transport;
    const end = view.offset + view.length;
    if (view.transport < 0) return;
    if (view.protocol === UDP && transport + 8 <= end) this.#carried.add(hash(bytes, transport + 8, end));
    if (view.protocol === TCP && transport + 20 <= end) {
      const payload = transport + (bytes[transport + 12] >> 4) * 4;
      if (payload <= end) this.#carried.add(hash(bytes, payload, end) ^ get32(bytes, transport + 4));
    }
  }

  #checkWritten(): void {
    const packet = this.#written;
    const { view, bytes, length } = packet;
    const from = ownerOf(view, 'source');
    if (from !== BRAVO && from !== CHARLIE) throw new Error(`a packet of ${from?.node ?? 'nobody'} was let in`);
    if (ownerOf(view, 'destination') !== ALPHA) throw new Error('a packet to others was let in');
    this.#shape = `${view.version} ${view.protocol} ${packet.gso} ${packet.partial} ${view.fragment}`;
    if (this.#stream.isIts(view)) this.#stream.take(packet);
    else if (!packet.syn && !this.#came(bytes, length)) this.#changed = bytes.toString('hex', 0, length);
  }

  /** Whether a packet, or each packet of a superpacket, or all that a superpacket carries, came in a frame of this turn. */
  #came(bytes: Buffer, length: number): boolean {
    const { headers, gso, gsoSize, view } = this.#written;
    if (gso === GSO_NONE) return this.#whole.has(hash(bytes, 0, length));
    const sequence = view.protocol === TCP ? get32(bytes, view.transport + 4) : 0;
    if (this.#carried.has(hash(bytes, headers, length) ^ sequence)) return true;
    for (let at = headers; at < length; at += gsoSize) {
      const from = view.protocol === TCP ? (sequence + at - headers) | 0 : 0;
      if (!this.#carried.has(hash(bytes, at, Math.min(length, at + gsoSize)) ^ from)) return false;
    }
    return true;
  }

  #checkAnswer({ bytes, records }: Batch, row: number): void {
    this.#answers++;
    const at = records[row + OFFSET];
    if (checkVxlan(bytes, at, records[row + LENGTH], VNI) !== VXLAN_OK) throw new Error('an answer that is no frame');
    const arp = get16(bytes, at + ENCAPSULATION_ETHERTYPE) === ETHERTYPE_ARP;
    if (records[row + LENGTH] !== 8 + (arp ? ARP_FRAME : ADVERTISEMENT_FRAME))
      throw new Error(`an answer of ${records[row + LENGTH]} bytes`);
    const to = [...records.subarray(row + ADDRESS, row + ADDRESS + 4)];
    if (![BRAVO, CHARLIE].some(({ underlay }) => sameWords(underlay.words, to)))
      throw new Error('an answer to a stranger');
    if (records[row + PORT_WORD] !== PORT) throw new Error('an answer to another port');
  }

  #judge(): void {
    const gains = this.#gains as Gains;
    gains.look();
    const said = () => `: ${gains.numbers()}`;
    if (gains.of('rx_datagrams') !== this.#datagrams) throw new Error(`${this.#datagrams} datagrams came${said()}`);
    if (gains.sum(RX_ENDS) !== this.#datagrams)
      throw new Error(`${this.#datagrams} datagrams did not end once each${said()}`);
    if (gains.of('rx_packets') !== this.#packets) throw new Error(`${this.#packets} packets were written${said()}`);
    if (gains.of('rx_device_refused') !== this.#refused)
      throw new Error(`${this.#refused} packets were refused${said()}`);
    if (gains.of('rx_probes') !== this.#probes) throw new Error(`${this.#probes} probes were handed on${said()}`);
    if (gains.of('rx_neighbour_answered') !== this.#answers)
      throw new Error(`${this.#answers} answers were sent${said()}`);
    if (this.#changed !== '' && gains.of('rx_completed') === 0 && !this.#marked)
      throw new Error(`a packet was written that no frame carried: ${this.#changed}${said()}`);
    this.#stream.judge();
  }

  /** A single frame that ended in a way that none did before is kept as a seed. */
  #learn(): string {
    if (!this.#single) return 'many';
    const kind = `${(this.#gains as Gains).inWords()} ${this.#shape}`;
    if (!this.#kinds.has(kind) && this.#kinds.size < MOST_KEPT) {
      this.#kinds.add(kind);
      const { bytes, length } = this.#tools;
      this.#corpus.push(Buffer.from(Uint8Array.from(bytes.subarray(0, length)).buffer));
      this.#latest = kind;
    }
    return kind;
  }
}

/** What a VTEP on the same machine sends: checksums left open, and superpackets. */
function unfinished(from: readonly [string, string], to: readonly [string, string]): Buffer[] {
  return ([0, 1] as const).flatMap((i) => {
    const flow = { from: from[i], to: to[i] };
    return [
      tcpPacket(flow, pattern(400), { partial: true }),
      tcpPacket(flow, pattern(8000), { partial: true }),
      udpPacket(flow, pattern(400), { partial: true }),
      udpPacket(flow, pattern(4000), { partial: true }),
    ];
  });
}

/** RFC 1624: the checksum field after 32 bits were changed. */
function fixSum(bytes: Buffer, field: number, old: number, now: number): void {
  let sum =
    (~get16(bytes, field) & 0xffff) + (~(old >>> 16) & 0xffff) + (~old & 0xffff) + (now >>> 16) + (now & 0xffff);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  bytes.writeUInt16BE(~sum & 0xffff, field);
}
