/**
 * Answers to plain VTEPs, which ask for MAC addresses: whatever address of this node's pod subnets they look for is to
 * be found at this VTEP. The answer goes back to the peer that asked.
 */
import { ADDRESS, Batch, PORT } from '../bytes/batch.js';
import { C } from '../core/counters.js';
import { SELF } from '../core/forwarding/change.js';
import { V4_MAPPED } from '../wire/address.js';
import { ARP_FRAME, answerArp, arpSender, arpTarget, isArpRequest } from '../wire/arp.js';
import { ETHERNET_HEADER } from '../wire/ethernet.js';
import type { IpView } from '../wire/ip.js';
import { isLinkLocalSource } from '../wire/ip.js';
import { ADVERTISEMENT_FRAME, isNeighbourSolicitation, solicitedWord, writeAdvertisement } from '../wire/ndp.js';
import { VXLAN_HEADER, writeVxlanHeader } from '../wire/vxlan.js';
import type { UnderlayEdge } from './edges.js';
import type { PathContext } from './vtep.js';

/** Answers a turn. Who asks more often than that asks again. */
const ANSWERS = 32;
const SLOT = (VXLAN_HEADER + Math.max(ARP_FRAME, ADVERTISEMENT_FRAME) + 7) & ~7;

export class Neighbours {
  readonly #underlay: UnderlayEdge;
  readonly #context: PathContext;
  readonly #answers = Batch.allocate(ANSWERS * SLOT, ANSWERS);

  constructor(underlay: UnderlayEdge, context: PathContext) {
    this.#underlay = underlay;
    this.#context = context;
  }

  /**
   * An ARP frame from `peer`: answered, or dropped and counted.
   * @param ethernet where its Ethernet header stands
   * @param length bytes from there
   * @param received the batch that it came in, and `row` its record
   */
  arp(bytes: Buffer, ethernet: number, length: number, peer: number, received: Batch, row: number): void {
    const { counters, table, vtep } = this.#context;
    const packet = ethernet + ETHERNET_HEADER;
    if (!isArpRequest(bytes, packet, length - ETHERNET_HEADER) || !this.#owns(arpTarget(bytes, packet))) {
      counters[C.rx_bad_ethertype]++;
    } else if (table.owner(0, 0, V4_MAPPED, arpSender(bytes, packet)) !== peer) {
      counters[C.rx_source_not_owned]++;
    } else if (this.#answers.full) {
      counters[C.rx_neighbour_limited]++;
    } else {
      const at = this.#answers.cursor + VXLAN_HEADER;
      bytes.copy(this.#answers.bytes, at, ethernet, ethernet + ARP_FRAME);
      this.#append(answerArp(this.#answers.bytes, at, vtep.mac), received, row);
    }
  }

  /**
   * If the packet is a neighbour solicitation for an address of ours, answers it.
   * @returns false if it is anything else, which then goes its own way
   */
  solicitation(view: IpView, peer: number, received: Batch, row: number): boolean {
    if (!isNeighbourSolicitation(view)) return false;
    const { counters, table, vtep } = this.#context;
    const [a, b, c, d] = [
      solicitedWord(view, 0),
      solicitedWord(view, 1),
      solicitedWord(view, 2),
      solicitedWord(view, 3),
    ];
    if (table.owner(a, b, c, d) !== SELF) return false;
    if (!isLinkLocalSource(view) && table.owner(view.src0, view.src1, view.src2, view.src3) !== peer) return false;
    if (this.#answers.full) {
      counters[C.rx_neighbour_limited]++;
      return true;
    }
    const at = this.#answers.cursor + VXLAN_HEADER;
    this.#append(writeAdvertisement(view, vtep.mac, this.#answers.bytes, at), received, row);
    return true;
  }

  /** Sends the answers of this turn. */
  flush(): void {
    const { count } = this.#answers;
    if (count === 0) return;
    const sent = this.#underlay.send(this.#answers);
    this.#context.counters[C.rx_neighbour_answered] += sent;
    this.#context.counters[C.rx_neighbour_limited] += count - sent;
    this.#answers.clear();
  }

  #owns(word: number): boolean {
    return this.#context.table.owner(0, 0, V4_MAPPED, word) === SELF;
  }

  #append(length: number, received: Batch, row: number): void {
    const answers = this.#answers;
    writeVxlanHeader(answers.bytes, answers.cursor, this.#context.vtep.vni);
    const answer = answers.append(answers.cursor, VXLAN_HEADER + length);
    answers.records[answer + PORT] = this.#context.table.port(SELF);
    for (let i = 0; i < 4; i++) answers.records[answer + ADDRESS + i] = received.records[row + ADDRESS + i];
    answers.cursor += SLOT;
  }
}
