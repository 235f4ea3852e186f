/**
 * Peers to device. One turn, in the order in which a frame passes:
 *
 * ```
 *   receive -> sender -> unwrap -> check -> complete -> alike -> join -> write
 * ```
 *
 * sender: the outer source must be a peer. unwrap: strict VXLAN, our VNI, our MAC. check: a whole IP packet whose source
 * belongs to that very peer and whose destination is ours. complete: what a VTEP on the same machine left undone. alike:
 * frames behind an accepted one that say the same are accepted with it. join: packets of one flow become superpackets again.
 */
import {
  ADDRESS,
  ALONE,
  Batch,
  FLAGS,
  LENGTH,
  OFFSET,
  RECORD,
  SEGMENT,
  STATUS,
  TOS,
  VIRTIO_HEADER,
} from '../bytes/batch.js';
import { C, PEER_COLUMNS, PEER_RX_BYTES, PEER_RX_FRAMES } from '../core/counters.js';
import { decapsulatedEcn, ECN_DROP, ECN_MASK } from '../core/ecn.js';
import { NOBODY, SELF } from '../core/forwarding/change.js';
import { clampMss, isSyn } from '../core/mss.js';
import { TokenBucket } from '../core/token-bucket.js';
import { checksumField, unfinishedChecksum } from '../core/unfinished.js';
import { isMapped } from '../wire/address.js';
import { get16, put16 } from '../wire/big-endian.js';
import {
  ETHERNET_DESTINATION,
  ETHERNET_SOURCE,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  macEquals,
  macIsGroup,
  macIsZero,
} from '../wire/ethernet.js';
import { IpView, ipLength, martianDestination, martianSource, UDP } from '../wire/ip.js';
import { ETHERTYPE_PATH_PROBE, PATH_PROBE_FRAME, pathProbeIsWhole } from '../wire/path-probe.js';
import { TCP_CWR, TCP_FLAGS, tcpHeaderLength } from '../wire/tcp.js';
import { UDP_HEADER } from '../wire/udp.js';
import * as virtio from '../wire/virtio.js';
import {
  checkVxlan,
  ENCAPSULATION,
  ENCAPSULATION_ETHERTYPE,
  VXLAN_BAD_FLAGS,
  VXLAN_BAD_VNI,
  VXLAN_HEADER,
  VXLAN_OK,
} from '../wire/vxlan.js';
import { alikeMask } from './alike.js';
import type { DeviceEdge, UnderlayEdge } from './edges.js';
import { LastPair } from './last-pair.js';
import { LastSender } from './last-sender.js';
import type { Neighbours } from './neighbours.js';
import { type PathContext, pathMtu } from './vtep.js';

/** Messages taken in one turn, each up to a whole UDP datagram or what GRO made of many. */
const RECEIVE_RECORDS = 32;
const RECEIVE_BYTES = RECEIVE_RECORDS * 65_536;
/** Room to cut a superpacket in, where the device takes none. */
const CUT_BYTES = 256 << 10;
/** Frames that are joined and written together. */
const PACKETS = 1024;
/** Path probes that are handed on, however many a peer sends. */
const PROBES_PER_SECOND = 1000;
const PROBES_BURST = 200;

export class Inbound {
  readonly #device: DeviceEdge;
  readonly #underlay: UnderlayEdge;
  readonly #context: PathContext;
  readonly #neighbours: Neighbours;
  readonly #arena = Buffer.alloc(RECEIVE_BYTES + CUT_BYTES + VIRTIO_HEADER);
  readonly #received = new Batch(this.#arena, 0, RECEIVE_BYTES, RECEIVE_RECORDS);
  /** A virtio header of zeros: what stands before each packet that is cut off. */
  readonly #prefixAt = RECEIVE_BYTES + CUT_BYTES;
  /** Where the next cut packets may stand. */
  #cutAt = RECEIVE_BYTES;
  /** Accepted inner packets, and what join makes of them; both describe the same arena. */
  readonly #packets = new Batch(this.#arena, 0, this.#prefixAt, PACKETS);
  readonly #joined = new Batch(this.#arena, 0, this.#prefixAt, PACKETS);
  readonly #view = new IpView();
  readonly #last = new LastPair();
  /** Nothing had to be done to the packet in `#view` before it was accepted. */
  #asItWas = false;
  readonly #lastSender = new LastSender();
  readonly #probes = new TokenBucket(PROBES_PER_SECOND, PROBES_BURST);

  constructor(device: DeviceEdge, underlay: UnderlayEdge, context: PathContext, neighbours: Neighbours) {
    this.#device = device;
    this.#underlay = underlay;
    this.#context = context;
    this.#neighbours = neighbours;
  }

  /** Delivers what waits at the underlay, up to one batch. @returns messages received */
  turn(): number {
    this.#received.clear();
    const { edition } = this.#context.table;
    this.#last.begin(edition);
    this.#lastSender.begin(edition);
    const messages = this.#underlay.receive(this.#received);
    for (let row = 0; row < messages * RECORD; row += RECORD) this.#sender(row);
    this.#write();
    return messages;
  }

  #sender(row: number): void {
    const { counters, table } = this.#context;
    const { records } = this.#received;
    if (records[row + STATUS] !== 0) {
      counters[C.rx_datagrams]++;
      counters[C.rx_truncated]++;
      return;
    }
    const start = records[row + OFFSET];
    const end = start + records[row + LENGTH];
    const step = this.#step(records[row + SEGMENT], start, records[row + LENGTH]);
    const datagrams = Math.max(1, Math.ceil((end - start) / step));
    counters[C.rx_datagrams] += datagrams;

    const peer = this.#lastSender.peer(table, records, row + ADDRESS);
    if (peer === NOBODY || peer === SELF) {
      counters[C.rx_unknown_sender] += datagrams;
      return;
    }
    if (start === end) counters[C.rx_truncated]++;
    for (let frame = start; frame < end; frame += step) {
      this.#asItWas = false;
      this.#unwrap(frame, Math.min(step, end - frame), peer, row);
      if (this.#asItWas) frame += step * this.#alike(frame, step, Math.floor((end - frame) / step) - 1, peer);
    }
  }

  /** Accepts those frames behind one that say the same. @returns how many */
  #alike(frame: number, step: number, count: number, peer: number): number {
    const { counters, peerCounters, work } = this.#context;
    const view = this.#view;
    const mask = count > 0 ? alikeMask(view) : undefined;
    if (mask === undefined || mask.length > step) return 0;
    const same = work.alike(this.#arena, frame, step, count, mask);
    const { length } = view;
    const field = ENCAPSULATION + view.transport + checksumField(view.protocol, length - view.transport);
    const pseudo = view.pseudoHeaderSum();
    let accepted = 0;
    for (let at = frame + step; accepted < same && get16(this.#arena, at + field) !== pseudo; at += step) {
      this.#append(at + ENCAPSULATION, length, 0);
      accepted++;
    }
    counters[C.rx_frames] += accepted;
    counters[C.rx_bytes] += accepted * length;
    peerCounters[peer * PEER_COLUMNS + PEER_RX_FRAMES] += accepted;
    peerCounters[peer * PEER_COLUMNS + PEER_RX_BYTES] += accepted * length;
    return accepted;
  }

  /**
   * Bytes of each datagram in a message. A UDP superpacket of a VTEP on this machine comes as one datagram, with the size
   * of the datagrams inside it where those joined outside would have theirs.
   */
  #step(segment: number, start: number, length: number): number {
    if (segment === 0) return length || 1;
    return ipLength(this.#arena, start + ENCAPSULATION, length - ENCAPSULATION) === length - ENCAPSULATION
      ? length
      : segment;
  }

  #unwrap(frame: number, length: number, peer: number, row: number): void {
    const { counters, vtep } = this.#context;
    const arena = this.#arena;
    const vxlan = checkVxlan(arena, frame, length, vtep.vni);
    if (vxlan !== VXLAN_OK) {
      if (vxlan === VXLAN_BAD_FLAGS) counters[C.rx_bad_flags]++;
      else if (vxlan === VXLAN_BAD_VNI) counters[C.rx_bad_vni]++;
      else counters[C.rx_truncated]++;
      return;
    }
    const ethernet = frame + VXLAN_HEADER;
    const source = ethernet + ETHERNET_SOURCE;
    if (macIsGroup(arena, source) || macIsZero(arena, source) || macEquals(arena, source, vtep.mac)) {
      counters[C.rx_bad_mac]++;
      return;
    }
    const ethertype = get16(arena, frame + ENCAPSULATION_ETHERTYPE);
    const ours = macEquals(arena, ethernet + ETHERNET_DESTINATION, vtep.mac);
    const group = macIsGroup(arena, ethernet + ETHERNET_DESTINATION);
    if (ethertype === ETHERTYPE_ARP && (ours || group)) {
      this.#neighbours.arp(arena, ethernet, frame + length - ethernet, peer, this.#received, row);
    } else if (ethertype === ETHERTYPE_IPV6 && group) {
      this.#solicited(frame + ENCAPSULATION, length - ENCAPSULATION, peer, row);
    } else if (!ours) {
      counters[C.rx_bad_mac]++;
    } else if (ethertype === ETHERTYPE_IPV4) {
      this.#check(frame + ENCAPSULATION, length - ENCAPSULATION, 4, peer, row);
    } else if (ethertype === ETHERTYPE_IPV6) {
      this.#check(frame + ENCAPSULATION, length - ENCAPSULATION, 6, peer, row);
    } else if (ethertype === ETHERTYPE_PATH_PROBE) {
      this.#probe(ethernet, length - VXLAN_HEADER, peer, row);
    } else {
      counters[C.rx_bad_ethertype]++;
    }
  }

  /** A multicast frame can only be a neighbour solicitation; no other is carried. */
  #solicited(offset: number, length: number, peer: number, row: number): void {
    const view = this.#view;
    if (!view.parse(this.#arena, offset, length) || view.version !== 6) this.#context.counters[C.rx_malformed]++;
    else if (!this.#neighbours.solicitation(view, peer, this.#received, row)) this.#context.counters[C.rx_martian]++;
  }

  /** A path probe leaves the packets' way: a copy, without its padding, goes to whoever watches paths. */
  #probe(ethernet: number, length: number, peer: number, row: number): void {
    const { counters, now, onProbe } = this.#context;
    if (!pathProbeIsWhole(this.#arena, ethernet, length)) counters[C.rx_malformed]++;
    else if (!this.#probes.take(now())) counters[C.rx_probe_limited]++;
    else {
      counters[C.rx_probes]++;
      const { records } = this.#received;
      const family = isMapped(records, row + ADDRESS) ? 4 : 6;
      onProbe?.(peer, Uint8Array.from(this.#arena.subarray(ethernet, ethernet + PATH_PROBE_FRAME)), family);
    }
  }

  #check(offset: number, length: number, version: 4 | 6, peer: number, row: number): void {
    const { counters, table } = this.#context;
    const view = this.#view;
    if (!view.parse(this.#arena, offset, length) || view.version !== version) {
      counters[C.rx_malformed]++;
      return;
    }
    if (this.#last.peer(view) === peer) {
      this.#deliver(view, peer, row);
      return;
    }
    if (martianSource(view) || martianDestination(view)) {
      // Solicitations that check a neighbour known already come from one unicast address to another.
      if (!this.#neighbours.solicitation(view, peer, this.#received, row)) counters[C.rx_martian]++;
      return;
    }
    const owner = table.owner(view.src0, view.src1, view.src2, view.src3);
    if (owner === SELF) counters[C.rx_looped]++;
    else if (owner !== peer) counters[C.rx_source_not_owned]++;
    else if (table.owner(view.dst0, view.dst1, view.dst2, view.dst3) !== SELF) counters[C.rx_not_ours]++;
    else {
      this.#last.remember(view, peer);
      this.#deliver(view, peer, row);
    }
  }

  /** A packet between addresses that are in order. */
  #deliver(view: IpView, peer: number, row: number): void {
    if (this.#neighbours.solicitation(view, peer, this.#received, row)) return;
    const { records } = this.#received;
    if (!this.#mark(view, records[row + TOS])) this.#context.counters[C.rx_ecn_dropped]++;
    else this.#accept(view, peer, records[row + SEGMENT]);
  }

  /** Carries a congestion mark from outside in. @returns false: the packet is to be dropped for it */
  #mark(view: IpView, outerTos: number): boolean {
    const inner = view.trafficClass & ECN_MASK;
    const ecn = decapsulatedEcn(inner, outerTos & ECN_MASK);
    if (ecn === inner) return true;
    if (ecn === ECN_DROP) return false;
    view.setEcn(ecn);
    return true;
  }

  #accept(view: IpView, peer: number, segment: number): void {
    const { counters, peerCounters, work } = this.#context;
    const field = unfinishedChecksum(view, work);
    const syn = isSyn(view);
    if (syn && clampMss(view, pathMtu(this.#context, peer), field !== 0)) counters[C.rx_mss_clamped]++;
    counters[C.rx_frames]++;
    counters[C.rx_bytes] += view.length;
    peerCounters[peer * PEER_COLUMNS + PEER_RX_FRAMES]++;
    peerCounters[peer * PEER_COLUMNS + PEER_RX_BYTES] += view.length;
    this.#asItWas = field === 0 && !syn;
    if (field !== 0) this.#complete(view, field, segment);
    else this.#append(view.offset, view.length, 0);
  }

  /** The kernel does the rest where the device lets it, by the virtio header; else it is done here. */
  #complete(view: IpView, field: number, segment: number): void {
    const { counters, vtep, work } = this.#context;
    const { checksum, tcpSegmentation, udpSegmentation } = this.#device.capabilities;
    const arena = this.#arena;
    const { offset, length, transport } = view;
    counters[C.rx_completed]++;

    const udp = view.protocol === UDP;
    const headers = transport + (udp ? UDP_HEADER : tcpHeaderLength(arena, offset + transport, offset + length));
    // How a TCP superpacket was to be cut is not told; any cut that fits the device says the same.
    const size = udp ? segment : vtep.mtu - headers;
    if (length > vtep.mtu && headers > transport && size > 0 && size < length - headers) {
      if (udp ? udpSegmentation : tcpSegmentation) {
        virtio.writeVirtioPartial(arena, offset - VIRTIO_HEADER, gsoOf(view), headers, size, transport, field);
        this.#append(offset, length, ALONE);
      } else {
        this.#cut(view, headers, udp, size);
      }
    } else if (checksum) {
      virtio.writeVirtioPartial(arena, offset - VIRTIO_HEADER, virtio.GSO_NONE, 0, 0, transport, field);
      this.#append(offset, length, ALONE);
    } else {
      const sum = ~work.sum(arena, offset + transport, length - transport, 0) & 0xffff;
      put16(arena, offset + transport + field, sum === 0 && udp ? 0xffff : sum);
      this.#append(offset, length, 0);
    }
  }

  /** A superpacket becomes packets, checksums and all, each with room for its virtio header. */
  #cut({ offset, length, transport }: IpView, headers: number, udp: boolean, size: number): void {
    const { counters, work } = this.#context;
    const count = Math.ceil((length - headers) / size);
    const stride = VIRTIO_HEADER + headers + size;
    if (count > PACKETS || count * stride > CUT_BYTES) {
      counters[C.rx_no_room]++;
      return;
    }
    if (count > PACKETS - this.#packets.count || this.#cutAt + count * stride > this.#prefixAt) this.#write();
    const at = this.#cutAt;
    const prefix = this.#prefixAt;
    const arena = this.#arena;
    const bytes = work.split(arena, offset, length, transport, headers, udp, size, prefix, VIRTIO_HEADER, at, prefix);
    for (let done = 0; done < bytes; done += stride) {
      this.#append(at + done + VIRTIO_HEADER, Math.min(stride, bytes - done) - VIRTIO_HEADER, 0);
    }
    this.#cutAt = at + bytes;
  }

  #append(offset: number, length: number, flags: number): void {
    if (this.#packets.full) this.#write();
    const row = this.#packets.append(offset, length);
    this.#packets.records[row + FLAGS] = flags;
  }

  #write(): void {
    const packets = this.#packets;
    if (packets.count === 0) return;
    const { counters } = this.#context;
    const joined = packets.count === 1 ? this.#single() : this.#join();
    const before = joined.count;
    const taken = this.#device.write(joined);
    counters[C.rx_packets] += taken;
    if (taken < before) counters[C.rx_device_refused] += refusals(joined);
    packets.clear();
    this.#cutAt = RECEIVE_BYTES;
  }

  /** What `join` would make of one packet, without a call that costs a lone one more than all the rest. */
  #single(): Batch {
    const { records } = this.#packets;
    if ((records[FLAGS] & ALONE) === 0) virtio.writeVirtioDone(this.#arena, records[OFFSET] - VIRTIO_HEADER);
    return this.#packets;
  }

  #join(): Batch {
    const packets = this.#packets;
    const joined = this.#joined;
    const { tcpSegmentation, udpSegmentation } = this.#device.capabilities;
    joined.count = this.#context.work.join(
      this.#arena,
      packets.records,
      packets.count,
      joined.records,
      tcpSegmentation,
      udpSegmentation,
    );
    return joined;
  }
}

/** The virtio type of a superpacket. */
function gsoOf(view: IpView): number {
  if (view.protocol === UDP) return virtio.GSO_UDP_L4;
  const type = view.version === 4 ? virtio.GSO_TCPV4 : virtio.GSO_TCPV6;
  const marked = (view.bytes[view.offset + view.transport + TCP_FLAGS] & TCP_CWR) !== 0;
  return marked ? type | virtio.GSO_ECN : type;
}

/** Packets, not records, that the device refused: the first record of each has the reason. */
function refusals(batch: Batch): number {
  let count = 0;
  for (let i = 0; i < batch.count; i++) if (batch.records[i * RECORD + STATUS] !== 0) count++;
  return count;
}
