/** The tests of a measurement, in their order. */
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchClient } from './client.js';
import { RateSearch } from './rate-search.js';
import type { BenchResult, RateResult, RttResult } from './results.js';

export const TESTS = ['tcp', 'udp', 'rtt', 'rate'] as const;
export type TestName = (typeof TESTS)[number];

export interface SuiteOptions {
  readonly tests: readonly TestName[];
  /** Of each TCP test and each flood. */
  readonly seconds: number;
  /** Of each trial of a rate. */
  readonly trialSeconds: number;
  /** How many streams each TCP test has; the first is done in reverse too. */
  readonly streams: readonly number[];
  /** Payloads of datagrams, bytes: the flood takes the first, rates are sought for all. */
  readonly sizes: readonly number[];
  /** Part of a trial that may be lost. */
  readonly loss: number;
  /** How near a rate is sought, as a part of it. */
  readonly tolerance: number;
  /** Round trips. */
  readonly pings: number;
  /** Datagrams are handed to the kernel joined. */
  readonly joined: boolean;
}

/** Is told how it goes. */
export interface SuiteEvents {
  /** @param words what is at work, and how far; several times a second */
  progress?(words: string): void;
  result?(result: BenchResult): void;
}

const PING_EVERY = 2;
/** How long a TCP stream grows before round trips beside it are measured, ms. */
const GROWING = 700;
/** Between two tests, so that queues run empty, ms. */
const REST = 200;

export async function runSuite(
  client: BenchClient,
  options: SuiteOptions,
  events: SuiteEvents = {},
): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  const keep = async (result: Promise<BenchResult>) => {
    results.push(await result);
    events.result?.(results[results.length - 1]);
    await delay(REST);
  };
  const { tests, seconds, streams, sizes, joined } = options;
  if (tests.includes('tcp')) {
    const directions = streams.flatMap((count, i) => [
      { streams: count, reverse: false },
      ...(i === 0 ? [{ streams: count, reverse: true }] : []),
    ]);
    for (const direction of directions) {
      const name = `TCP, ${direction.streams}${direction.reverse ? ', reverse' : ''}`;
      await keep(client.tcp({ ...direction, seconds }, bitRates(events, name)));
    }
  }
  if (tests.includes('udp')) {
    const flood = { size: sizes[0], seconds, rate: 0, joined };
    await keep(client.udp(flood, packetRates(events, `UDP ${sizes[0]} B, flood`)));
  }
  if (tests.includes('rtt')) {
    await keep(idle(client, options, events));
    await keep(besideTcp(client, options, events));
  }
  if (tests.includes('rate')) {
    for (const size of sizes) await keep(searchRate(client, size, options, events));
  }
  return results;
}

function idle(client: BenchClient, { pings: count }: SuiteOptions, events: SuiteEvents): Promise<RttResult> {
  const seconds = patience(count);
  return client.rtt(
    { count, intervalMs: PING_EVERY, seconds, beside: 'nothing' },
    pingCount(events, 'RTT idle', count),
  );
}

async function besideTcp(client: BenchClient, { pings: count }: SuiteOptions, events: SuiteEvents): Promise<RttResult> {
  const seconds = patience(count);
  const load = client.tcp({ streams: 1, seconds: GROWING / 1000 + seconds, reverse: false });
  load.catch(() => {}); // it is waited for below
  await delay(GROWING);
  const pings = { count, intervalMs: PING_EVERY, seconds, beside: 'tcp' } as const;
  const result = await client.rtt(pings, pingCount(events, 'RTT beside TCP', count));
  await load;
  return result;
}

/** Twice what they take if answers come at once. */
function patience(pings: number): number {
  return 0.5 + (2 * pings * PING_EVERY) / 1000;
}

async function searchRate(
  client: BenchClient,
  size: number,
  { trialSeconds: seconds, loss, tolerance, joined }: SuiteOptions,
  events: SuiteEvents,
): Promise<RateResult> {
  const name = `UDP ${size} B, no loss`;
  const trials: RateResult['trials'][number][] = [];
  const tryAt = async (rate: number) => {
    const words = rate === 0 ? 'at full rate' : `at ${thousands(rate)}`;
    events.progress?.(`${name}: trial ${trials.length + 1}, ${words}`);
    const { sentPerSecond, sent, received } = await client.udp({ size, seconds, rate, joined });
    trials.push({ packetsPerSecond: sentPerSecond, sent, received });
    await delay(REST);
    return { rate: sentPerSecond, sent, received };
  };
  // The first trial is the sender's own highest rate: a path that takes that has no limit that could be found from here.
  const first = await tryAt(0);
  const search = new RateSearch({ most: first.rate, tolerance, lossAllowed: loss });
  search.next();
  search.take(first);
  for (let rate = search.next(); rate !== undefined; rate = search.next()) search.take(await tryAt(rate));
  return {
    test: 'rate',
    size,
    packetsPerSecond: search.best,
    bitsPerSecond: search.best * size * 8,
    senderLimited: search.senderLimited,
    trials,
  };
}

type Progress = ((elapsedMs: number, count: number) => void) | undefined;

function bitRates({ progress }: SuiteEvents, name: string): Progress {
  return (
    progress && ((ms, bytes) => progress(`${name}: ${(ms / 1000).toFixed(1)} s, ${gigabits((bytes * 8000) / ms)}`))
  );
}

function packetRates({ progress }: SuiteEvents, name: string): Progress {
  return (
    progress &&
    ((ms, count) => progress(`${name}: ${(ms / 1000).toFixed(1)} s, ${thousands((count * 1000) / ms)} sent`))
  );
}

function pingCount({ progress }: SuiteEvents, name: string, of: number): Progress {
  return progress && ((_, count) => progress(`${name}: ${count} of ${of}`));
}

function gigabits(bitsPerSecond: number): string {
  return `${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s`;
}

function thousands(perSecond: number): string {
  return `${(perSecond / 1000).toFixed(perSecond < 10_000 ? 1 : 0)}k/s`;
}
