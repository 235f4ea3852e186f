/** What happened, newest last: told to whoever listens, and the last few kept for whoever asks later. */
import type { NodeEvent } from '../node-api.js';

const KEPT = 256;

export class EventLog {
  readonly #wall: () => number;
  readonly #kept: NodeEvent[] = [];
  readonly #listeners = new Set<(event: NodeEvent) => void>();

  /** @param wall milliseconds since 1970 */
  constructor(wall: () => number) {
    this.#wall = wall;
  }

  tell(kind: string, message: string, facts: Readonly<Record<string, unknown>> = {}): void {
    const event: NodeEvent = { at: new Date(this.#wall()).toISOString(), kind, ...facts, message };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }

  recent(): readonly NodeEvent[] {
    return [...this.#kept];
  }

  /** @returns ends the listening */
  onEvent(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
