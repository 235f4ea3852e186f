/**
 * Peers to device. One turn, in the order in which a frame passes:
 *
 * ```
 *   receive -> sender -> unwrap -> check -> join -> write
 * ```
 *
 * sender: the outer source must be a peer. unwrap: strict VXLAN, our VNI, our MAC. check: a whole IP packet whose source
 * belongs to that very peer and whose destination is ours. join: packets of one flow become superpackets again.
 */
import { ADDRESS, Batch, LENGTH, OFFSET, RECORD, SEGMENT, STATUS } from '../bytes/batch.js';
import { C, PEER_RX_BYTES, PEER_RX_FRAMES } from '../core/counters.js';
import { NOBODY, SELF } from '../core/forwarding/change.js';
import { clampMss } from '../core/mss.js';
import { TokenBucket } from '../core/token-bucket.js';
import { get16 } from '../wire/big-endian.js';
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
import { IpView, martianDestination, martianSource } from '../wire/ip.js';
import { ETHERTYPE_PATH_PROBE, PATH_PROBE_FRAME } from '../wire/path-probe.js';
import {
  checkVxlan,
  ENCAPSULATION,
  ENCAPSULATION_ETHERTYPE,
  VXLAN_BAD_FLAGS,
  VXLAN_BAD_VNI,
  VXLAN_HEADER,
  VXLAN_OK,
} from '../wire/vxlan.js';
import type { DeviceEdge, UnderlayEdge } from './edges.js';
import type { Neighbours } from './neighbours.js';
import { type PathContext, pathMtu } from './vtep.js';

/** Messages taken in one turn, each up to a whole UDP datagram or what GRO made of many. */
const RECEIVE_RECORDS = 32;
const RECEIVE_BYTES = RECEIVE_RECORDS * 65_536;
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
  readonly #received = Batch.allocate(RECEIVE_BYTES, RECEIVE_RECORDS);
  readonly #arena = this.#received.bytes;
  /** Accepted inner packets, and what join makes of them; both describe the same arena. */
  readonly #packets = new Batch(this.#arena, 0, RECEIVE_BYTES, PACKETS);
  readonly #joined = new Batch(this.#arena, 0, RECEIVE_BYTES, PACKETS);
  readonly #view = new IpView();
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
    const step = records[row + SEGMENT] || records[row + LENGTH] || 1;
    const datagrams = Math.max(1, Math.ceil((end - start) / step));
    counters[C.rx_datagrams] += datagrams;

    const at = row + ADDRESS;
    const peer = table.sender(records[at], records[at + 1], records[at + 2], records[at + 3]);
    if (peer === NOBODY || peer === SELF) {
      counters[C.rx_unknown_sender] += datagrams;
      return;
    }
    if (start === end) counters[C.rx_truncated]++;
    for (let frame = start; frame < end; frame += step) this.#unwrap(frame, Math.min(step, end - frame), peer, row);
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
      this.#probe(ethernet, length - VXLAN_HEADER, peer);
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

  /** A path probe leaves the packets' way: a copy goes to whoever watches paths. */
  #probe(ethernet: number, length: number, peer: number): void {
    const { counters, now, onProbe } = this.#context;
    if (length !== PATH_PROBE_FRAME) counters[C.rx_malformed]++;
    else if (!this.#probes.take(now())) counters[C.rx_probe_limited]++;
    else {
      counters[C.rx_probes]++;
      onProbe?.(peer, Uint8Array.from(this.#arena.subarray(ethernet, ethernet + length)));
    }
  }

  #check(offset: number, length: number, version: 4 | 6, peer: number, row: number): void {
    const { counters, table } = this.#context;
    const view = this.#view;
    if (!view.parse(this.#arena, offset, length) || view.version !== version) {
      counters[C.rx_malformed]++;
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
    else if (!this.#neighbours.solicitation(view, peer, this.#received, row)) this.#accept(view, peer);
  }

  #accept(view: IpView, peer: number): void {
    const { counters, peerCounters } = this.#context;
    if (clampMss(view, pathMtu(this.#context, peer), false)) counters[C.rx_mss_clamped]++;
    counters[C.rx_frames]++;
    counters[C.rx_bytes] += view.length;
    peerCounters[peer * 4 + PEER_RX_FRAMES]++;
    peerCounters[peer * 4 + PEER_RX_BYTES] += view.length;
    if (this.#packets.full) this.#write();
    this.#packets.append(view.offset, view.length);
  }

  #write(): void {
    const packets = this.#packets;
    if (packets.count === 0) return;
    const joined = this.#joined;
    const { counters, work } = this.#context;
    const { tcpSegmentation, udpSegmentation } = this.#device.capabilities;
    joined.count = work.join(
      this.#arena,
      packets.records,
      packets.count,
      joined.records,
      tcpSegmentation,
      udpSegmentation,
    );
    const before = joined.count;
    const taken = this.#device.write(joined);
    counters[C.rx_packets] += taken;
    if (taken < before) counters[C.rx_device_refused] += refusals(joined);
    packets.clear();
  }
}

/** Packets, not records, that the device refused: the first record of each has the reason. */
function refusals(batch: Batch): number {
  let count = 0;
  for (let i = 0; i < batch.count; i++) if (batch.records[i * RECORD + STATUS] !== 0) count++;
  return count;
}
