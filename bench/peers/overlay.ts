/** An overlay under test: set up on a lab's two hosts, torn down with the lab. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../src/lab/lab.js';

export interface Overlay {
  readonly name: string;
  /** What must be installed. */
  readonly program?: string;
  /** Starts it on both hosts; resolves to the second host's address inside. */
  start(lab: Lab): Promise<string>;
}

/** Runs `ip` on a host of the lab; it must succeed. */
export async function ip(lab: Lab, host: number, ...args: string[]): Promise<void> {
  const { code, stderr } = await lab.exec(lab.hosts[host], ['ip', ...args]);
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

/** Waits for a device that a program makes. */
export async function device(lab: Lab, host: number, name: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await lab.exec(lab.hosts[host], ['ip', 'link', 'show', name])).code === 0) return;
    await sleep(50);
  }
  throw new Error(`no device ${name}`);
}
