import { type MemberState, type NodeId, SUSPECT } from './types.js';

/** Slots of a table of which nothing is known beforehand. */
const FIRST_CAPACITY = 16;

/**
 * The other members, as columns of numbers: 29 bytes a member and no object, so that ten thousand tables of ten thousand
 * members fit one process. A slot is a place in the columns; it holds good until the next call that may move records:
 * `add`, `remove`, `next`.
 *
 * The slots' order is also the order of probing (SWIM §4.3): each round goes through all members in a random order, which
 * is drawn as the round proceeds. Slots before the turn had theirs in this round.
 */
export class MemberTable {
  nodes: Int32Array;
  incarnations: Uint32Array;
  /** When the state began, ms. */
  since: Float64Array;
  /** Numbers of a `CardStore`. */
  cards: Int32Array;
  /** The last direct answer took, ms; NaN if there was none yet. */
  rttMs: Float32Array;
  #states: Uint8Array;
  /** By node, its slot and one, or 0. */
  #slots: Int32Array;
  #size = 0;
  #living = 0;
  #turn = 0;

  /** @param capacity members it has room for before it must grow; node numbers too */
  constructor(capacity = FIRST_CAPACITY) {
    this.nodes = new Int32Array(capacity);
    this.incarnations = new Uint32Array(capacity);
    this.since = new Float64Array(capacity);
    this.cards = new Int32Array(capacity);
    this.rttMs = new Float32Array(capacity);
    this.#states = new Uint8Array(capacity);
    this.#slots = new Int32Array(capacity);
  }

  /** Members, the dead and left ones too. */
  get size(): number {
    return this.#size;
  }

  /** Members alive or suspect. */
  get living(): number {
    return this.#living;
  }

  /** The node's slot; -1 if it has none, or is no number of a node. */
  slotOf(node: NodeId): number {
    return node >= 0 && node < this.#slots.length ? this.#slots[node] - 1 : -1;
  }

  state(slot: number): MemberState {
    return this.#states[slot] as MemberState;
  }

  /** @param since ms */
  setState(slot: number, state: MemberState, since: number): void {
    this.#living += alive(state) - alive(this.state(slot));
    this.#states[slot] = state;
    this.since[slot] = since;
  }

  /**
   * A member more, at a random place in the round, so that tables filled from one state do not all have its order.
   * @param card its number
   * @param since ms
   * @param random 0 <= x < 1
   */
  add(
    node: NodeId,
    state: MemberState,
    incarnation: number,
    card: number,
    since: number,
    random: () => number,
  ): number {
    this.#reserve(node);
    this.#size++;
    const slot = this.#vacate(Math.floor(random() * this.#size));
    this.#living += alive(state);
    this.#write(slot, node, state, incarnation, card, since, Number.NaN);
    return slot;
  }

  remove(slot: number): void {
    this.#slots[this.nodes[slot]] = 0;
    this.#living -= alive(this.state(slot));
    let hole = slot;
    if (hole < this.#turn) {
      this.#turn--;
      this.#move(this.#turn, hole);
      hole = this.#turn;
    }
    this.#size--;
    this.#move(this.#size, hole);
  }

  /** The slot whose turn it is, any state; -1 if there are none. After the last begins another round. */
  next(random: () => number): number {
    if (this.#size === 0) return -1;
    if (this.#turn >= this.#size) this.#turn = 0;
    const slot = this.#turn++;
    this.#swap(slot, slot + Math.floor(random() * (this.#size - slot)));
    return slot;
  }

  /** Makes room at a place of the round: what was there waits for its turn, or has had it, as before. */
  #vacate(place: number): number {
    const last = this.#size - 1;
    if (place >= this.#turn) this.#move(place, last);
    else {
      this.#move(this.#turn, last);
      this.#move(place, this.#turn);
      this.#turn++;
    }
    return place;
  }

  #move(from: number, to: number): void {
    if (from === to) return;
    const { nodes, incarnations, cards, since, rttMs } = this;
    this.#write(to, nodes[from], this.state(from), incarnations[from], cards[from], since[from], rttMs[from]);
  }

  #swap(a: number, b: number): void {
    if (a === b) return;
    const { nodes, incarnations, cards, since, rttMs } = this;
    const node = nodes[a];
    const state = this.state(a);
    const incarnation = incarnations[a];
    const card = cards[a];
    const began = since[a];
    const rtt = rttMs[a];
    this.#move(b, a);
    this.#write(b, node, state, incarnation, card, began, rtt);
  }

  #write(
    slot: number,
    node: NodeId,
    state: MemberState,
    incarnation: number,
    card: number,
    since: number,
    rttMs: number,
  ): void {
    this.nodes[slot] = node;
    this.#states[slot] = state;
    this.incarnations[slot] = incarnation;
    this.cards[slot] = card;
    this.since[slot] = since;
    this.rttMs[slot] = rttMs;
    this.#slots[node] = slot + 1;
  }

  #reserve(node: NodeId): void {
    if (node >= this.#slots.length) this.#slots = grown(this.#slots, Math.max(node + 1, 2 * this.#slots.length));
    if (this.#size < this.nodes.length) return;
    const capacity = Math.max(FIRST_CAPACITY, 2 * this.#size);
    this.nodes = grown(this.nodes, capacity);
    this.incarnations = grown(this.incarnations, capacity);
    this.#states = grown(this.#states, capacity);
    this.since = grown(this.since, capacity);
    this.cards = grown(this.cards, capacity);
    this.rttMs = grown(this.rttMs, capacity);
  }
}

type Column = Int32Array | Uint32Array | Uint8Array | Float64Array | Float32Array;

/** 1 for alive and suspect, else 0. */
function alive(state: MemberState): number {
  return state <= SUSPECT ? 1 : 0;
}

function grown<T extends Column>(column: T, length: number): T {
  const larger = new (column.constructor as new (length: number) => T)(length);
  larger.set(column);
  return larger;
}
