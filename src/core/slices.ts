/** Long work on the main thread, cut into slices: in between the event loop gets its turn. */

/** Steps taken in one go: 0.02 ms where they are a table's, and a millisecond where pages and code are cold. */
export const SLICE = 32;

/** Calls `resume` when the event loop has turned once, or later: after `delayMs` milliseconds. */
export type Schedule = (resume: () => void, delayMs: number) => void;

/** `setImmediate`, and `setTimeout`. */
export function onEventLoop(resume: () => void, delayMs: number): void {
  if (delayMs === 0) setImmediate(resume);
  else setTimeout(resume, delayMs);
}

/** Lets the event loop turn, and `delayMs` milliseconds pass. */
export function pause(schedule: Schedule, delayMs: number): Promise<void> {
  return new Promise((resume) => {
    schedule(resume, delayMs);
  });
}

/** Takes steps 0 to `count` - 1, a slice of them at once. A step that throws is the last. */
export async function inSlices(schedule: Schedule, count: number, step: (index: number) => void): Promise<void> {
  for (let index = 0; index < count; index++) {
    if (index > 0 && index % SLICE === 0) await pause(schedule, 0);
    step(index);
  }
}
