/** Drives a pipeline on the thread that made it, from its event loop: for library users and tests. */
import type { DeviceEdge, UnderlayEdge } from './edges.js';
import type { Pipeline } from './pipeline.js';

/** Takes turns of a pipeline when an edge calls, and as long as something moves. It closes nothing. */
export class InlineRunner {
  readonly #pipeline: Pipeline;
  readonly #onLost: (error: unknown) => void;
  #scheduled = false;
  #stopped = false;

  /** @param onLost called once if an edge is gone; the runner has stopped then */
  constructor(pipeline: Pipeline, device: DeviceEdge, underlay: UnderlayEdge, onLost: (error: unknown) => void) {
    this.#pipeline = pipeline;
    this.#onLost = onLost;
    device.onReadable(() => this.#wake());
    underlay.onReadable(() => this.#wake());
    this.#wake();
  }

  /** Takes no further turn. */
  stop(): void {
    this.#stopped = true;
  }

  /** One turn for each pass of the event loop, as long as something moves: nothing else is starved. */
  #wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#stopped) return;
      try {
        const moved = this.#pipeline.turn();
        this.#pipeline.rest();
        if (moved) this.#wake();
      } catch (error) {
        this.#stopped = true;
        this.#pipeline.rest();
        this.#onLost(error);
      }
    });
  }
}
