/** An overlay under test: set up on a lab's two hosts, torn down with the lab. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../src/lab/lab.js';

export interface Overlay {
  readonly name: string;
  /** What must be installed. */
  readonly program?: string;
  /** The same, where it is more than one. */
  readonly programs?: readonly string[];
  /** Starts it on both hosts; resolves to the second host's address inside. */
  start(lab: Lab): Promise<string>;
}

/** Runs a program on a host of the lab; it must succeed. @returns what it printed */
export async function must(lab: Lab, host: number, argv: readonly string[], input?: string): Promise<string> {
  const options = { timeoutMs: 60_000, ...(input === undefined ? {} : { input }) };
  const { code, stdout, stderr } = await lab.exec(lab.hosts[host], argv, options);
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
  return stdout;
}

/** Runs `ip` on a host of the lab; it must succeed. */
export async function ip(lab: Lab, host: number, ...args: string[]): Promise<void> {
  await must(lab, host, ['ip', ...args]);
}

/** Waits for a device that a program makes. */
export async function device(lab: Lab, host: number, name: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await lab.exec(lab.hosts[host], ['ip', 'link', 'show', name])).code === 0) return;
    await sleep(50);
  }
  throw new Error(`no device ${name}`);
}
