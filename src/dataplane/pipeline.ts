/** Both directions between one device edge and one underlay edge. Whoever owns it decides when it takes a turn. */
import type { DeviceEdge, UnderlayEdge } from './edges.js';
import { IcmpAnswers } from './icmp-answers.js';
import { Inbound } from './inbound.js';
import { Neighbours } from './neighbours.js';
import { Outbound } from './outbound.js';
import type { PathContext } from './vtep.js';

/** Outbound and inbound of one thread. It owns its batches, and closes neither edge. */
export class Pipeline {
  readonly #context: PathContext;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #icmp: IcmpAnswers;
  readonly #neighbours: Neighbours;

  constructor(device: DeviceEdge, underlay: UnderlayEdge, context: PathContext) {
    this.#context = context;
    this.#icmp = new IcmpAnswers(device, context);
    this.#neighbours = new Neighbours(underlay, context);
    this.#outbound = new Outbound(device, underlay, context, this.#icmp);
    this.#inbound = new Inbound(device, underlay, context, this.#neighbours);
  }

  /**
   * Moves at most one batch each way, under one state of the forwarding table.
   * @returns true if anything moved: there may be more
   * @throws PodwireError EDGE_LOST when an edge is gone
   */
  turn(): boolean {
    this.#context.table.begin();
    const received = this.#inbound.turn();
    const read = this.#outbound.turn();
    this.#neighbours.flush();
    this.#icmp.flush();
    return received + read > 0;
  }

  /** Nothing waits: the table may change without waiting for us. */
  rest(): void {
    this.#context.table.rest();
  }
}
