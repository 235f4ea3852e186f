/** CPU time of all that runs on a lab's hosts. What the kernel does in threads of its own is not in it. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Place } from '../../src/lab/plan.js';

/** Of /proc/PID/stat, behind the name: user and system time, in ticks of 10 ms. */
const [USER, SYSTEM] = [11, 12];
const TICKS_PER_SECOND = 100;

/** Seconds that the processes which are now in the namespaces of these places have worked. */
export function cpuSeconds(places: readonly Place[]): number {
  const namespaces = new Set(places.map(({ namespace }) => `net:[${statSync(`/run/netns/${namespace}`).ino}]`));
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (!namespaces.has(readlinkSync(`/proc/${name}/ns/net`))) continue;
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      ticks += Number(fields[USER]) + Number(fields[SYSTEM]);
    } catch {
      // It has ended meanwhile.
    }
  }
  return ticks / TICKS_PER_SECOND;
}
