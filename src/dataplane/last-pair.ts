/**
 * The addresses of the packet before, and whose it was: packets come in runs of one flow, and what the forwarding table
 * says of two addresses it says of them until it is changed. So of a run only the first packet is looked up, and a lone
 * packet, for which a lookup is a walk through cold memory, seldom.
 */
import { NOBODY } from '../core/forwarding/change.js';
import type { IpView } from '../wire/ip.js';

export class LastPair {
  #peer = NOBODY;
  #edition = 0;
  #src0 = 0;
  #src1 = 0;
  #src2 = 0;
  #src3 = 0;
  #dst0 = 0;
  #dst1 = 0;
  #dst2 = 0;
  #dst3 = 0;

  /** To be called as a turn begins: the table may have changed. @param edition `ForwardingReader.edition` */
  begin(edition: number): void {
    if (edition === this.#edition) return;
    this.#edition = edition;
    this.#peer = NOBODY;
  }

  /** HOT. What was remembered of a packet with the same two addresses, or `NOBODY`. */
  peer(view: IpView): number {
    return view.dst3 === this.#dst3 &&
      view.src3 === this.#src3 &&
      view.dst2 === this.#dst2 &&
      view.src2 === this.#src2 &&
      view.dst1 === this.#dst1 &&
      view.src1 === this.#src1 &&
      view.dst0 === this.#dst0 &&
      view.src0 === this.#src0
      ? this.#peer
      : NOBODY;
  }

  /** HOT. A packet between these addresses was found in order, and the peer is this. */
  remember(view: IpView, peer: number): void {
    this.#peer = peer;
    this.#src0 = view.src0;
    this.#src1 = view.src1;
    this.#src2 = view.src2;
    this.#src3 = view.src3;
    this.#dst0 = view.dst0;
    this.#dst1 = view.dst1;
    this.#dst2 = view.dst2;
    this.#dst3 = view.dst3;
  }
}
