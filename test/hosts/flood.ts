/** Floods of UDP between pods, of a known number of datagrams (flood-child.ts). */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../../src/lab/lab.js';
import type { Place } from '../../src/lab/plan.js';
import type { FloodReceived } from './flood-child.js';

const CHILD = fileURLToPath(new URL('./flood-child.js', import.meta.url));
const PORT = 7010;

/** Resolves when it listens on its address. */
export async function receiveFlood(lab: Lab, at: Place, address: string): Promise<{ end(): Promise<FloodReceived> }> {
  const argv = [process.execPath, CHILD, 'receive', address, String(PORT)];
  const { stdin, stdout } = lab.spawn(at, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (!stdin || !stdout) throw new Error('a program without pipes');
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  if ((await lines.next()).value !== 'listening') throw new Error('the receiver did not start');
  return {
    async end() {
      stdin.end();
      return JSON.parse((await lines.next()).value ?? '') as FloodReceived;
    },
  };
}

/** @param pauseMs after each 64 datagrams @returns how many the kernel took */
export async function sendFlood(
  lab: Lab,
  from: Place,
  to: string,
  { count, bytes, pauseMs }: { readonly count: number; readonly bytes: number; readonly pauseMs: number },
): Promise<number> {
  const argv = [process.execPath, CHILD, 'send', to, PORT, count, bytes, pauseMs].map(String);
  const { stdout, stderr } = await lab.exec(from, argv, { timeoutMs: 60_000 });
  if (stdout === '') throw new Error(stderr);
  return Number(stdout);
}
