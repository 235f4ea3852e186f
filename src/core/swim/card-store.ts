import { PodwireError } from '../../wire/error.js';
import type { Card } from './types.js';

/**
 * Cards by number, so that a member's record is columns of numbers. One store may serve thousands of protocol instances
 * in a process: a card that all of them know is held once. Cards are told apart as objects.
 */
export class CardStore<C extends Card> {
  readonly #cards: (C | undefined)[] = [];
  readonly #holders: number[] = [];
  readonly #ids = new Map<C, number>();
  readonly #free: number[] = [];

  /** Cards held. */
  get size(): number {
    return this.#ids.size;
  }

  /** The card's number, for one holder more. */
  retain(card: C): number {
    let id = this.#ids.get(card);
    if (id === undefined) {
      id = this.#free.pop() ?? this.#cards.length;
      this.#ids.set(card, id);
      this.#cards[id] = card;
      this.#holders[id] = 0;
    }
    this.#holders[id]++;
    return id;
  }

  /** Throws `PodwireError` INTERNAL for a number that nobody holds. */
  get(id: number): C {
    const card = this.#cards[id];
    if (card === undefined) throw new PodwireError('INTERNAL', `there is no card ${id}`);
    return card;
  }

  /** One holder less; the last one's number is given away again. Throws like `get`. */
  release(id: number): void {
    const card = this.get(id);
    if (--this.#holders[id] > 0) return;
    this.#ids.delete(card);
    this.#cards[id] = undefined;
    this.#free.push(id);
  }
}
