/** Waiting for what the kernel does within a moment. */
import { setImmediate as turn } from 'node:timers/promises';

/** How long the kernel may take for a step, ms. It takes one or two; a machine that is busy otherwise, some more. */
const STEP_WAIT = 150;

/** Looks until it is so, giving the event loop its turns; false when it took too long. */
export async function until(isSo: () => boolean): Promise<boolean> {
  const end = performance.now() + STEP_WAIT;
  while (!isSo()) {
    if (performance.now() > end) return false;
    await turn();
  }
  return true;
}
