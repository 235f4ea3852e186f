/** Does every flow make progress, and how soon? */
import { setTimeout as delay } from 'node:timers/promises';
import { type Flow, nameOf } from './flows.js';
import type { Traffic } from './traffic.js';

const LOOK = 250;

export interface Progress {
  /** Until the last of them moved, ms; as long as was waited, if one did not. */
  readonly slowestMs: number;
  /** The one that was last. */
  readonly slowest: string;
  readonly stuck: readonly Flow[];
}

/** Waits until each flow has moved since the call, but no longer than that. */
export async function progress(traffic: Traffic, boundMs: number): Promise<Progress> {
  const started = performance.now();
  const begin = await traffic.arrived();
  let waiting = traffic.flows.map((_, index) => index);
  let slowest = 0;
  for (;;) {
    const elapsed = performance.now() - started;
    const now = await traffic.arrived();
    const moved = waiting.filter((index) => now[index] > begin[index]);
    if (moved.length > 0) slowest = moved[0];
    waiting = waiting.filter((index) => !moved.includes(index));
    const late = elapsed > boundMs;
    if (waiting.length === 0 || late) {
      const stuck = waiting.map((index) => traffic.flows[index]);
      return { slowestMs: Math.round(elapsed), slowest: nameOf(traffic.flows[waiting[0] ?? slowest]), stuck };
    }
    await delay(LOOK);
  }
}
