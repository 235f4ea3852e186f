/** Things to do between places, each in a function: ping, ask for one's address, transfer. */
import type { ChildProcess } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { PodwireError } from '../wire/error.js';
import type { Answer } from './ask.js';
import type { DatagramReport } from './datagrams.js';
import type { HostileReport } from './hostile.js';
import type { Lab } from './lab.js';
import type { LabHost, LabPod, Place } from './plan.js';
import type { RunningPodwire } from './podwire.js';
import { PATH } from './run.js';
import type { SteadyReport } from './steady.js';
import type { TransferEnd } from './transfer.js';

const ECHO_PORT = 7007;
const TRANSFER_PORT = 7008;
const DATAGRAM_PORT = 7009;

/** Is a program installed? */
export function hasProgram(name: string): boolean {
  return PATH.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** One ICMP echo request. Returns the round trip in milliseconds, or undefined without a reply within a second. */
export async function ping(lab: Lab, from: Place, address: string): Promise<number | undefined> {
  const { code, stdout } = await lab.exec(from, ['ping', '-n', '-c', '1', '-W', '1', address]);
  const time = /time[=<]([\d.]+) ms/.exec(stdout)?.[1];
  return code === 0 && time !== undefined ? Number(time) : undefined;
}

/** Starts the echo server and waits until it listens. It runs as long as the lab. */
export async function startEcho(lab: Lab, where: Place): Promise<void> {
  const child = lab.spawn(where, script('echo', ECHO_PORT), { stdio: ['ignore', 'pipe', 'ignore'] });
  await first(child, 'listening');
}

/** Asks the echo servers at the addresses, all at once, which address they see. Answers come in the same order. */
export async function ask(lab: Lab, from: Place, addresses: readonly string[]): Promise<Answer[]> {
  const { stdout } = await lab.exec(from, script('ask', ECHO_PORT, ...addresses));
  return parse<Answer[]>(stdout) ?? addresses.map(() => ({ own: '', seen: '', rttMs: 0 }));
}

export interface Transfer {
  readonly sent: TransferEnd;
  readonly received: TransferEnd;
  /** Every byte that was sent came, and in order. */
  readonly intact: boolean;
  /** At the receiver. */
  readonly bitsPerSecond: number;
}

/** One TCP transfer between pods, to the address of the family. Undefined if it did not come to an end. */
export async function transfer(
  lab: Lab,
  from: LabPod,
  to: LabPod,
  family: 4 | 6,
  durationMs: number,
): Promise<Transfer | undefined> {
  const receiver = lab.spawn(to, script('transfer', 'receive', TRANSFER_PORT), { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines = await first(receiver, 'listening');
  const address = to.addresses[family === 4 ? 0 : 1];
  const sender = await lab.exec(from, script('transfer', 'send', TRANSFER_PORT, address, durationMs), {
    timeoutMs: durationMs + 10_000,
  });
  const sent = parse<TransferEnd>(sender.stdout);
  if (sent === undefined) {
    receiver.kill();
    return undefined;
  }
  const received = parse<TransferEnd>((await lines.next()).value ?? '');
  if (received === undefined) return undefined;
  return {
    sent,
    received,
    intact: sent.bytes === received.bytes && sent.crc === received.crc,
    bitsPerSecond: (received.bytes * 8000) / received.ms,
  };
}

/** Starts the UDP echo and waits until it listens. It runs as long as the lab. */
export async function startDatagramEcho(lab: Lab, where: Place): Promise<void> {
  const child = lab.spawn(where, script('datagrams', 'echo', DATAGRAM_PORT), { stdio: ['ignore', 'pipe', 'ignore'] });
  await first(child, 'listening');
}

/** Sends UDP datagrams of `bytes` payload to an echo and back. */
export async function datagrams(
  lab: Lab,
  from: Place,
  address: string,
  count: number,
  bytes: number,
): Promise<DatagramReport> {
  const { stdout } = await lab.exec(from, script('datagrams', 'send', DATAGRAM_PORT, address, count, bytes));
  return parse<DatagramReport>(stdout) ?? { sent: count, intact: 0, damaged: 0 };
}

/** A steady flow of small datagrams to an echo and back, under way when this resolves; what became of it comes last. */
export async function startSteady(
  lab: Lab,
  from: Place,
  address: string,
  perSecond: number,
  durationMs: number,
): Promise<{ report: Promise<SteadyReport> }> {
  const argv = script('steady', DATAGRAM_PORT, address, perSecond, durationMs);
  const child = lab.spawn(from, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = await first(child, 'sending');
  const report = lines.next().then(({ value }) => {
    const found = parse<SteadyReport>(value ?? '');
    if (!found) throw new PodwireError('MACHINE', 'the flow came to no end');
    return found;
  });
  return { report };
}

/** Floods a UDP port of an address with garbage, until the process that is returned is killed; the seed says which. */
export async function startGarbage(
  lab: Lab,
  from: Place,
  address: string,
  port: number,
  seed: number,
): Promise<ChildProcess> {
  const child = lab.spawn(from, script('garbage', port, address, seed), { stdio: ['ignore', 'pipe', 'inherit'] });
  await first(child, 'sending');
  return child;
}

/**
 * Records what passes over a host's cable on a UDP port, until `stop` is called. Needs tshark.
 * @returns `stop` gives the payloads, in hexadecimal digits
 */
export async function recordUdp(lab: Lab, host: LabHost, port: number): Promise<{ stop(): Promise<string[]> }> {
  const filter = ['-f', `udp port ${port}`, '-l', '-n', '-T', 'fields', '-e', 'udp.payload'];
  const child = lab.spawn(lab.router, ['tshark', '-i', host.name, ...filter], { stdio: ['ignore', 'pipe', 'pipe'] });
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new PodwireError('INTERNAL', 'a program without an output to watch');
  await new Promise<void>((resolve) => stderr.on('data', (words) => String(words).includes('Capturing') && resolve()));
  const lines = text(stdout);
  return {
    async stop() {
      child.kill('SIGINT');
      return (await lines)
        .split('\n')
        .map((line) => line.replaceAll(':', ''))
        .filter(Boolean);
    },
  };
}

/** An attack on a node's gossip port with recorded datagrams (src/lab/hostile.ts), ended by `report`. */
export async function startHostile(
  lab: Lab,
  from: LabHost,
  target: RunningPodwire,
  { recorded, port, count, seed }: { recorded: readonly string[]; port: number; count: number; seed: number },
): Promise<{ report(): Promise<HostileReport> }> {
  const file = join(lab.directory, 'recorded');
  writeFileSync(file, recorded.join('\n'));
  const argv = script('hostile', file, target.process.pid ?? 0, port, target.host.underlay, count, seed);
  const child = lab.spawn(from, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = await first(child, 'sending');
  return {
    async report() {
      const found = parse<HostileReport>((await lines.next()).value ?? '');
      if (!found) throw new PodwireError('MACHINE', 'the attack came to no end');
      return found;
    },
  };
}

/** The command that runs one of this folder's programs. */
export function script(name: string, ...args: (string | number)[]): string[] {
  return [process.execPath, fileURLToPath(new URL(`./${name}.js`, import.meta.url)), ...args.map(String)];
}

/** Waits for the line with which a program says that it is at work; returns the lines that follow. */
export async function first(child: ChildProcess, line: string): Promise<AsyncIterator<string, string | undefined>> {
  if (!child.stdout) throw new PodwireError('INTERNAL', 'a program without an output to watch');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  if (value !== line) throw new PodwireError('MACHINE', 'a program in the lab did not start');
  return lines;
}

/** What a program printed as JSON; undefined if it failed and printed nothing. */
function parse<T>(printed: string): T | undefined {
  return printed.trim() === '' ? undefined : (JSON.parse(printed) as T);
}
