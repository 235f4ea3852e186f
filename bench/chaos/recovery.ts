/** Does every flow make progress, and how soon? */
import { setTimeout as delay } from 'node:timers/promises';
import { type Flow, nameOf } from './flows.js';
import type { Traffic } from './traffic.js';

const LOOK = 250;
/** In addition to an outage, ms. */
const TCP_MORE = 10_000;

export interface Progress {
  /** Until the last of them moved, ms; as long as was waited, if one did not. */
  readonly slowestMs: number;
  /** The same of all flows but TCP: when there was a way again. */
  readonly wayMs: number;
  /** The one that was last. */
  readonly slowest: string;
  readonly stuck: readonly Flow[];
}

/**
 * Waits until each flow has moved since the call, but no longer than it may take. TCP doubles its wait with each loss: its
 * next try may come as late again as there was no way, and this is its kernel's doing.
 * @param outageMs how long there may have been no way before the call
 */
export async function progress(traffic: Traffic, boundMs: number, outageMs = 0): Promise<Progress> {
  let wayMs = 0;
  const isTcp = (index: number) => traffic.flows[index].kind === 'tcp';
  const boundOf = (index: number) => (isTcp(index) ? Math.max(boundMs, TCP_MORE + outageMs + wayMs) : boundMs);
  const started = performance.now();
  const begin = await traffic.arrived();
  let waiting = traffic.flows.map((_, index) => index);
  let last = 0;
  const stuck: Flow[] = [];
  for (;;) {
    const elapsed = performance.now() - started;
    const now = await traffic.arrived();
    if (waiting.some((index) => !isTcp(index))) wayMs = Math.round(elapsed);
    const [moved, still] = split(waiting, (index) => now[index] > begin[index]);
    const [late, patient] = split(still, (index) => elapsed > boundOf(index));
    last = late[0] ?? moved[0] ?? last;
    stuck.push(...late.map((index) => traffic.flows[index]));
    waiting = patient;
    if (waiting.length === 0) {
      return { slowestMs: Math.round(elapsed), wayMs, slowest: nameOf(traffic.flows[last]), stuck };
    }
    await delay(LOOK);
  }
}

/** Those of which it is true, and the others. */
function split<T>(list: readonly T[], is: (one: T) => boolean): [T[], T[]] {
  return [list.filter(is), list.filter((one) => !is(one))];
}
