/**
 * Device to peers. One turn, in the order in which a packet passes:
 *
 * ```
 *   read -> check -> route -> fit -> encapsulate -> send
 * ```
 *
 * check: a whole IP packet, from us, to a place that exists. route: whose is the destination. fit: no larger than the path
 * takes, or answered with ICMP, or fragmented. encapsulate: VXLAN in front, in place; a superpacket is split into frames.
 */
import {
  ADDRESS,
  Batch,
  LENGTH,
  OFFSET,
  PORT,
  RECORD,
  SEGMENT,
  SOCKET,
  STATUS,
  TOS,
  VIRTIO_HEADER,
} from '../bytes/batch.js';
import { EAGAIN, EHOSTUNREACH, EINVAL, EMSGSIZE, ENETUNREACH, ENOBUFS } from '../bytes/errno.js';
import { C, PEER_COLUMNS, PEER_TX_BYTES, PEER_TX_FRAMES } from '../core/counters.js';
import { ECN_MASK } from '../core/ecn.js';
import { flowHash } from '../core/flow-hash.js';
import { NOBODY, SELF } from '../core/forwarding/change.js';
import { fragment } from '../core/fragment.js';
import { clampMss } from '../core/mss.js';
import { put16 } from '../wire/big-endian.js';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/ethernet.js';
import { IpView, martianDestination, martianSource, UDP } from '../wire/ip.js';
import { tcpHeaderLength } from '../wire/tcp.js';
import { UDP_HEADER } from '../wire/udp.js';
import * as virtio from '../wire/virtio.js';
import { ENCAPSULATION, ENCAPSULATION_ETHERTYPE } from '../wire/vxlan.js';
import type { DeviceEdge, UnderlayEdge } from './edges.js';
import type { IcmpAnswers } from './icmp-answers.js';
import { LastPair } from './last-pair.js';
import { HEADROOM, INHERIT, type PathContext, pathMtu } from './vtep.js';

/** Packets read in one turn. */
const READ_PACKETS = 64;
/** Room for them: some superpackets, or any number of small ones. */
const READ_BYTES = 8 * (65_536 + HEADROOM);
/** Frames of split and fragmented packets wait here to be sent; a full superpacket with its headers is about 69 KB. */
const FRAME_BYTES = 640 << 10;
const FRAME_RECORDS = 512;
/** A prefix for `split`, which copies it from the arena. */
const PREFIX_ROOM = 32;
/** Largest payload of one UDP send over IPv4; IPv6 takes a little more. */
const MAX_SEND = 65_507;
/** Fragments of one packet: 64 KiB in the smallest pieces, 1,280 or for IPv4 at least 576 bytes. */
const MAX_FRAGMENTS = 128;

export class Outbound {
  readonly #device: DeviceEdge;
  readonly #underlay: UnderlayEdge;
  readonly #context: PathContext;
  readonly #answers: IcmpAnswers;
  readonly #arena = Buffer.alloc(READ_BYTES + FRAME_BYTES + PREFIX_ROOM);
  readonly #prefixAt = READ_BYTES + FRAME_BYTES;
  readonly #read = new Batch(this.#arena, 0, READ_BYTES, READ_PACKETS);
  /** The same place, for one packet. */
  readonly #single = new Batch(this.#arena, 0, READ_BYTES, 1);
  /** The last turn read one packet at most: the next is likely alone too. */
  #lone = false;
  readonly #frames = new Batch(this.#arena, READ_BYTES, READ_BYTES + FRAME_BYTES, FRAME_RECORDS);
  /** The peer that each record of `#frames` goes to. */
  readonly #peers = new Int32Array(FRAME_RECORDS);
  /** Offset and length of each fragment, pairwise. */
  readonly #fragments = new Int32Array(2 * MAX_FRAGMENTS);
  readonly #view = new IpView();
  /** The same for a frame that was split and is to be fragmented. */
  readonly #frameView = new IpView();
  readonly #last = new LastPair();

  constructor(device: DeviceEdge, underlay: UnderlayEdge, context: PathContext, answers: IcmpAnswers) {
    this.#device = device;
    this.#underlay = underlay;
    this.#context = context;
    this.#answers = answers;
  }

  /** Sends what waits at the device, up to one batch. @returns packets read */
  turn(): number {
    this.#last.begin(this.#context.table.edition);
    // A lone packet is sent before the device is asked for another, which finds none.
    let packets = this.#lone ? this.#batch(this.#single) : 0;
    if (packets > 0 || !this.#lone) packets += this.#batch(this.#read);
    this.#lone = packets <= 1;
    return packets;
  }

  #batch(read: Batch): number {
    read.clear();
    const packets = this.#device.read(read, HEADROOM);
    for (let row = 0; row < packets * RECORD; row += RECORD) {
      this.#check(read.records[row + OFFSET], read.records[row + LENGTH]);
    }
    this.#send();
    return packets;
  }

  #check(offset: number, length: number): void {
    const { counters, table } = this.#context;
    const view = this.#view;
    counters[C.tx_packets]++;
    if (!view.parse(this.#arena, offset, length)) {
      counters[C.tx_malformed]++;
      return;
    }
    const peer = this.#last.peer(view);
    if (peer !== NOBODY) this.#fit(view, peer);
    else if (martianSource(view) || martianDestination(view)) counters[C.tx_martian]++;
    else if (table.owner(view.src0, view.src1, view.src2, view.src3) !== SELF) counters[C.tx_source_foreign]++;
    else this.#route(view);
  }

  #route(view: IpView): void {
    const { counters, table } = this.#context;
    const peer = table.owner(view.dst0, view.dst1, view.dst2, view.dst3);
    if (peer === SELF) {
      counters[C.tx_looped]++;
    } else if (peer === NOBODY) {
      counters[C.tx_no_peer]++;
      this.#answers.unreachable(view);
    } else {
      this.#last.remember(view, peer);
      this.#fit(view, peer);
    }
  }

  #fit(view: IpView, peer: number): void {
    const { counters } = this.#context;
    const mtu = pathMtu(this.#context, peer);
    const header = view.offset - VIRTIO_HEADER;
    const partial = virtio.needsChecksum(this.#arena, header);
    if (clampMss(view, mtu, partial)) counters[C.tx_mss_clamped]++;

    const gso = virtio.gsoType(this.#arena, header);
    if (gso !== virtio.GSO_NONE) {
      this.#fitSuperpacket(view, peer, mtu, gso === virtio.GSO_UDP_L4, virtio.gsoSize(this.#arena, header));
      return;
    }
    if (partial && !this.#completeChecksum(view, header)) {
      counters[C.tx_malformed]++;
    } else if (view.length <= mtu) {
      this.#encapsulateWhole(view, peer);
    } else if (view.dontFragment) {
      this.#tooBig(view, mtu, peer);
    } else {
      this.#encapsulateFragments(view, mtu, peer);
    }
  }

  #fitSuperpacket(view: IpView, peer: number, mtu: number, udp: boolean, size: number): void {
    const { counters } = this.#context;
    const headers = this.#headers(view, udp);
    if (headers === 0 || headers >= view.length || size === 0) {
      counters[C.tx_malformed]++;
    } else if (headers + Math.min(size, view.length - headers) <= mtu) {
      this.#encapsulateSuperpacket(view, headers, udp, size, peer);
    } else if (view.dontFragment) {
      this.#tooBig(view, mtu, peer);
    } else if (udp) {
      this.#fragmentSuperpacket(view, headers, size, mtu, peer);
    } else if (mtu > headers) {
      // TCP is a stream: narrower segments say the same.
      this.#encapsulateSuperpacket(view, headers, udp, mtu - headers, peer);
    } else {
      counters[C.tx_malformed]++;
    }
  }

  /** Bytes of IP and transport headers of a superpacket, or 0 if it is not what its virtio header says. */
  #headers(view: IpView, udp: boolean): number {
    if (view.transport < 0 || view.fragment || udp !== (view.protocol === UDP)) return 0;
    const header = udp
      ? UDP_HEADER
      : tcpHeaderLength(this.#arena, view.offset + view.transport, view.offset + view.length);
    return header === 0 ? 0 : view.transport + header;
  }

  #tooBig(view: IpView, mtu: number, peer: number): void {
    this.#context.counters[C.tx_too_big]++;
    this.#answers.tooBig(view, mtu, peer);
  }

  /** The checksum field holds the pseudo-header's sum; the rest is added here, since no NIC will see the inner packet. */
  #completeChecksum(view: IpView, header: number): boolean {
    const start = virtio.sumStart(this.#arena, header);
    const field = start + virtio.sumOffset(this.#arena, header);
    if (start < view.headerLength || field + 2 > view.length) return false;
    const sum = ~this.#context.work.sum(this.#arena, view.offset + start, view.length - start, 0) & 0xffff;
    put16(this.#arena, view.offset + field, sum === 0 && view.protocol === UDP ? 0xffff : sum);
    return true;
  }

  /** As the next datagram of the record before it, if it can be; else in place. */
  #encapsulateWhole(view: IpView, peer: number): void {
    const frame = view.offset - ENCAPSULATION;
    const length = ENCAPSULATION + view.length;
    if (!this.#continues(view, length, peer)) {
      this.#encapsulate(view, view.offset, view.length, peer);
      return;
    }
    this.#writePrefix(view, frame, peer);
    this.#gather(frame, length);
    this.#countPeer(peer, 1, view.length);
  }

  /**
   * Whether a frame may leave in one message with the last record: to the same peer from the same source port, and no
   * longer than its datagrams, of which only the last may be shorter. A flow has one source port, so its order stays.
   */
  #continues(view: IpView, length: number, peer: number): boolean {
    const frames = this.#frames;
    const { records } = frames;
    const { maxSegments, sourcePorts } = this.#underlay.capabilities;
    const last = frames.count - 1;
    if (last < 0 || this.#peers[last] !== peer) return false;
    const row = last * RECORD;
    const train = records[row + LENGTH];
    const segment = records[row + SEGMENT] || train;
    if (length > segment || train % segment !== 0 || train + length > MAX_SEND || train >= maxSegments * segment) {
      return false;
    }
    const alone = records[row + SEGMENT] === 0;
    if (alone ? train + length > frames.room : !this.#endsAtCursor(row, length)) return false;
    return (
      records[row + SOCKET] % sourcePorts === flowHash(view) % sourcePorts &&
      records[row + TOS] === this.#outerTos(view, peer)
    );
  }

  /** Whether a record's datagrams can go on: behind them the memory is free, and enough of it. */
  #endsAtCursor(row: number, length: number): boolean {
    const { records, cursor, end } = this.#frames;
    const trainEnd = records[row + OFFSET] + records[row + LENGTH];
    return ((trainEnd + 3) & ~3) === cursor && trainEnd + length <= end;
  }

  /** Puts a frame behind the last record's; a record that stands where its packet was read moves to where there is room. */
  #gather(frame: number, length: number): void {
    const frames = this.#frames;
    const { records } = frames;
    const row = (frames.count - 1) * RECORD;
    const train = records[row + LENGTH];
    if (records[row + SEGMENT] === 0) {
      this.#arena.copyWithin(frames.cursor, records[row + OFFSET], records[row + OFFSET] + train);
      records[row + OFFSET] = frames.cursor;
      records[row + SEGMENT] = train;
    }
    const at = records[row + OFFSET] + train;
    this.#arena.copyWithin(at, frame, frame + length);
    records[row + LENGTH] = train + length;
    frames.cursor = (at + length + 3) & ~3;
  }

  /** In place: the encapsulation is written into the headroom. */
  #encapsulate(view: IpView, offset: number, length: number, peer: number): void {
    if (this.#frames.full) this.#send();
    this.#writePrefix(view, offset - ENCAPSULATION, peer);
    this.#record(view, offset - ENCAPSULATION, ENCAPSULATION + length, 0, peer);
    this.#countPeer(peer, 1, length);
  }

  #encapsulateSuperpacket(view: IpView, headers: number, udp: boolean, segment: number, peer: number): void {
    const payload = view.length - headers;
    const frames = Math.ceil(payload / segment);
    const stride = ENCAPSULATION + headers + segment;
    const perSend = Math.min(this.#underlay.capabilities.maxSegments, Math.floor(MAX_SEND / stride));
    const bytes = payload + frames * (ENCAPSULATION + headers);
    this.#makeRoom(bytes, Math.ceil(frames / perSend));

    this.#writePrefix(view, this.#prefixAt, peer);
    const at = this.#split(view, headers, udp, segment, ENCAPSULATION);
    if (at === 0) {
      this.#context.counters[C.tx_no_room]++;
      return;
    }
    for (let done = 0; done < bytes; done += perSend * stride) {
      this.#record(view, at + done, Math.min(perSend * stride, bytes - done), stride, peer);
    }
    this.#countPeer(peer, frames, bytes - frames * ENCAPSULATION);
  }

  /** @returns where the frames stand, or 0 if they do not fit */
  #split(view: IpView, headers: number, udp: boolean, segment: number, prefix: number): number {
    const frames = this.#frames;
    const at = frames.cursor;
    const { work } = this.#context;
    const { offset, length, transport } = view;
    const arena = this.#arena;
    const prefixAt = this.#prefixAt;
    const bytes = work.split(arena, offset, length, transport, headers, udp, segment, prefixAt, prefix, at, frames.end);
    if (bytes === 0) return 0;
    frames.cursor = (at + bytes + 3) & ~3;
    return at;
  }

  #encapsulateFragments(view: IpView, mtu: number, peer: number): void {
    const { counters } = this.#context;
    const most = Math.ceil(view.length / ((mtu - view.headerLength) & ~7)) + 1;
    this.#makeRoom(view.length + most * (ENCAPSULATION + view.headerLength), most);
    const frames = this.#frames;
    const count = fragment(view, mtu, ENCAPSULATION, this.#arena, frames.cursor, frames.end, this.#fragments);
    if (count === 0) {
      counters[C.tx_no_room]++;
      return;
    }
    for (let i = 0; i < 2 * count; i += 2) {
      const offset = this.#fragments[i];
      const length = this.#fragments[i + 1];
      this.#encapsulate(view, offset, length, peer);
      frames.cursor = (offset + length + 3) & ~3;
    }
    counters[C.tx_fragmented]++;
  }

  /** UDP without DF keeps its datagrams: cut apart first, then each is fragmented. Rare, so it is sent one by one. */
  #fragmentSuperpacket(view: IpView, headers: number, size: number, mtu: number, peer: number): void {
    const payload = view.length - headers;
    this.#makeRoom(3 * (payload + Math.ceil(payload / size) * headers), FRAME_RECORDS);
    const at = this.#split(view, headers, true, size, 0);
    if (at === 0) {
      this.#context.counters[C.tx_no_room]++;
      return;
    }
    const frame = this.#frameView;
    for (let done = 0; done < payload; done += size) {
      const offset = at + (done / size) * (headers + size);
      frame.parse(this.#arena, offset, headers + Math.min(size, payload - done));
      this.#encapsulateFragments(frame, mtu, peer);
    }
  }

  #writePrefix(view: IpView, at: number, peer: number): void {
    this.#context.table.copyPrefix(peer, this.#arena, at);
    put16(this.#arena, at + ENCAPSULATION_ETHERTYPE, view.version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
  }

  #record(view: IpView, offset: number, length: number, segment: number, peer: number): void {
    const { table } = this.#context;
    const { records } = this.#frames;
    this.#peers[this.#frames.count] = peer;
    const row = this.#frames.append(offset, length);
    records[row + SEGMENT] = length > segment ? segment : 0;
    records[row + SOCKET] = flowHash(view);
    records[row + PORT] = table.port(peer);
    records[row + TOS] = this.#outerTos(view, peer);
    for (let i = 0; i < 4; i++) records[row + ADDRESS + i] = table.underlayWord(peer, i);
  }

  /** DSCP as configured; the ECN field goes outside only where it is read again (RFC 6040 §4.1, §4.3). */
  #outerTos({ trafficClass }: IpView, peer: number): number {
    const { table, vtep } = this.#context;
    const dscp = vtep.dscp === INHERIT ? trafficClass & ~ECN_MASK : vtep.dscp << 2;
    return table.readsEcn(peer) ? dscp | (trafficClass & ECN_MASK) : dscp;
  }

  #countPeer(peer: number, frames: number, bytes: number): void {
    const { counters, peerCounters } = this.#context;
    counters[C.tx_frames] += frames;
    counters[C.tx_bytes] += bytes;
    peerCounters[peer * PEER_COLUMNS + PEER_TX_FRAMES] += frames;
    peerCounters[peer * PEER_COLUMNS + PEER_TX_BYTES] += bytes;
  }

  /** Sends early when what comes next would not fit behind what waits. */
  #makeRoom(bytes: number, records: number): void {
    if (bytes > this.#frames.room || records > this.#frames.capacity - this.#frames.count) this.#send();
  }

  #send(): void {
    const frames = this.#frames;
    if (frames.count === 0) return;
    const sent = this.#underlay.send(frames);
    for (let i = 0; sent < frames.count && i < frames.count; i++) {
      if (frames.records[i * RECORD + STATUS] !== 0) this.#refused(i);
    }
    frames.clear();
  }

  /** A frame that did not leave: what was counted as sent is taken back and counted by its reason. */
  #refused(index: number): void {
    const { counters } = this.#context;
    const { records } = this.#frames;
    const row = index * RECORD;
    const peer = this.#peers[index];
    const segment = records[row + SEGMENT] || records[row + LENGTH];
    const frames = Math.ceil(records[row + LENGTH] / segment);
    this.#countPeer(peer, -frames, -(records[row + LENGTH] - frames * ENCAPSULATION));

    const status = records[row + STATUS];
    if (status === EMSGSIZE || (status === EINVAL && records[row + SEGMENT] !== 0)) {
      counters[C.tx_path_too_big] += frames;
      this.#learnPathMtu(peer);
    } else if (status === EAGAIN || status === ENOBUFS) counters[C.tx_socket_full] += frames;
    else if (status === ENETUNREACH || status === EHOSTUNREACH) counters[C.tx_unreachable] += frames;
    else counters[C.tx_refused] += frames;
  }

  #learnPathMtu(peer: number): void {
    const { table, pathMtus } = this.#context;
    const mtu = this.#underlay.pathMtu(
      table.underlayWord(peer, 0),
      table.underlayWord(peer, 1),
      table.underlayWord(peer, 2),
      table.underlayWord(peer, 3),
    );
    if (mtu > 0) pathMtus.lower(peer, mtu);
  }
}
