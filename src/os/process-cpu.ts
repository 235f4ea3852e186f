/** How much processes have worked, from /proc. */
import { readFileSync } from 'node:fs';

/** Of /proc/PID/stat, behind the name: user and system time, in ticks of 10 ms. */
const [USER, SYSTEM] = [11, 12];
const TICKS_PER_SECOND = 100;

/** Seconds of CPU that these processes have used, all their threads together; one that is gone counts as 0. */
export function processCpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      ticks += Number(fields[USER]) + Number(fields[SYSTEM]);
    } catch {
      // It has ended meanwhile.
    }
  }
  return ticks / TICKS_PER_SECOND;
}
