/**
 * `podwire bench local`: podwire beside the kernel's own vxlan device, between two hosts made of network namespaces, in
 * interleaved rounds: a machine whose speed drifts treats both alike.
 */
import { overlayAddressTexts } from '../core/overlay-address.js';
import { startKernelPeer } from '../lab/kernel-vxlan.js';
import { Lab } from '../lab/lab.js';
import type { Laboratory } from '../lab/plan.js';
import { PodwireError } from '../wire/error.js';
import { loopbackSuite } from './loopback.js';
import { listening, outcome, runCommand, STDIO, serveCommand } from './programs.js';
import type { BenchResult } from './results.js';
import type { SuiteEvents, SuiteOptions } from './suite.js';

export interface LocalOptions {
  readonly rounds: number;
  readonly laboratories: readonly Laboratory[];
  readonly suite: SuiteOptions;
}

export interface LocalEvents {
  progress(words: string): void;
  result(where: { laboratory: Laboratory; contender: Contender; round: number }, result: BenchResult): void;
  /** Something is left out, and why. */
  skipped(words: string): void;
}

export const CONTENDERS = ['podwire', 'kernel vxlan'] as const;
export type Contender = (typeof CONTENDERS)[number];

/** The results of each round. */
export type Rounds = readonly (readonly BenchResult[])[];

export interface LocalReport {
  /** The same programs on one host's loopback, in one round. */
  readonly loopback: readonly BenchResult[];
  readonly laboratories: readonly {
    readonly laboratory: Laboratory;
    readonly rounds: Readonly<Partial<Record<Contender, Rounds>>>;
  }[];
}

/** @throws PodwireError what a lab, a node's start or a test throws; nothing is left */
export async function benchLocal(
  { rounds, laboratories, suite }: LocalOptions,
  events: LocalEvents,
): Promise<LocalReport> {
  let loopback: readonly BenchResult[] | undefined;
  const missing = new Set<Contender>();
  const found = laboratories.map((laboratory) => ({ laboratory, rounds: new Map<Contender, BenchResult[][]>() }));
  for (let round = 1; round <= rounds; round++) {
    for (const { laboratory, rounds: kept } of found) {
      for (const contender of CONTENDERS.filter((one) => !missing.has(one))) {
        const name = `round ${round} of ${rounds}, ${laboratory}, ${contender}`;
        const results = await inLab(laboratory, async (lab) => {
          if (!loopback) {
            const own = { progress: (words: string) => events.progress(`loopback: ${words}`) };
            loopback = await between(lab, '127.0.0.1', [0, 0], loopbackSuite(suite), own);
          }
          const pids = await start(lab, contender);
          if (typeof pids === 'string') {
            missing.add(contender);
            events.skipped(`${contender} is left out: ${pids}`);
            return undefined;
          }
          return between(
            lab,
            overlayAddressTexts(lab.hosts[1].podCidr)[0],
            [0, 1],
            suite,
            {
              progress: (words) => events.progress(`${name}: ${words}`),
              result: (result) => events.result({ laboratory, contender, round }, result),
            },
            pids,
          );
        });
        if (results) kept.set(contender, [...(kept.get(contender) ?? []), results]);
      }
    }
  }
  return {
    loopback: loopback ?? [],
    laboratories: found.map(({ laboratory, rounds: kept }) => ({ laboratory, rounds: Object.fromEntries(kept) })),
  };
}

async function inLab<T>(laboratory: Laboratory, work: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = await Lab.create({ name: 'bench', hosts: 2, pods: 0, laboratory });
  try {
    return await work(lab);
  } finally {
    await lab.destroy();
  }
}

/** @returns the processes of each host that carry its traffic; or in words why this contender cannot */
async function start(lab: Lab, contender: Contender): Promise<readonly number[][] | string> {
  if (contender === 'podwire') {
    const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
    return nodes.map(({ process: { pid } }) => (pid === undefined ? [] : [pid]));
  }
  try {
    const [alpha, bravo] = lab.hosts;
    await startKernelPeer(alpha, 'static', [bravo]);
    await startKernelPeer(bravo, 'static', [alpha]);
    return [[], []];
  } catch (error) {
    if (!(error instanceof PodwireError)) throw error;
    return `this kernel has no vxlan device, or ip cannot make it (${error.message})`;
  }
}

/** One suite from one host to another. @param hosts from, to */
async function between(
  lab: Lab,
  address: string,
  [from, to]: readonly [number, number],
  suite: SuiteOptions,
  events: SuiteEvents,
  pids: readonly number[][] = [[], []],
): Promise<BenchResult[]> {
  const name = lab.hosts[to].name;
  const serve = serveCommand({ node: name, addresses: [address], port: 0, pids: pids[1] });
  const server = lab.spawn(lab.hosts[to], serve, { stdio: [...STDIO] });
  try {
    const port = await listening(server);
    const order = { client: { address, port, name, pids: pids[0] }, suite };
    const client = lab.spawn(lab.hosts[from], runCommand(order), { stdio: [...STDIO] });
    return await outcome(client, events);
  } finally {
    server.stdin?.end();
  }
}
