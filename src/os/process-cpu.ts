/** How much processes have worked, from /proc. */
import { statFields } from './processes.js';

/** Of `statFields`: user and system time, in ticks of 10 ms. */
const [USER, SYSTEM] = [11, 12];
const TICKS_PER_SECOND = 100;

/** Seconds of CPU that these processes have used, all their threads together; one that is gone counts as 0. */
export function processCpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    if (fields.length > SYSTEM) ticks += Number(fields[USER]) + Number(fields[SYSTEM]);
  }
  return ticks / TICKS_PER_SECOND;
}
