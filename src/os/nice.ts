/** The process's share of the processors. */
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { statFields } from './processes.js';

/**
 * Sets the nice value of the calling thread, and of threads and programs that it starts from then on. Where the scheduler
 * groups processes by session (sched(7), autogroup), a thread's own value counts only within its group: a process that leads
 * its session sets the group's too. Another's session is left alone.
 * @param nice -20 to 19; 0 leaves all as it is
 * @returns why it could not be set, in one line, or undefined
 */
export function setNice(nice: number): string | undefined {
  if (nice === 0) return undefined;
  try {
    setPriority(nice);
    if (leadsSession()) setGroup(nice);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function leadsSession(): boolean {
  const [_state, _parent, _group, session] = statFields('self');
  return Number(session) === process.pid;
}

function setGroup(nice: number): void {
  try {
    writeFileSync('/proc/self/autogroup', String(nice));
  } catch (error) {
    // A kernel that does not group by session has no such file.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
