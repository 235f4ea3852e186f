/**
 * How one agent comes in the place of another that runs:
 *
 * ```
 *   new                                        old
 *    | fit for this machine, or it refuses      |
 *    |--- POST /v1/handover ------------------->|
 *    |                                          | ends gossip (without a word), pods, API; traffic goes on
 *    |<-- 200 ----------------------------------|
 *    | API, pods, gossip, copies of the kept    | watches the new one's process: if that ends, takes all up again
 *    | descriptors, workers: both carry         |
 *    |--- SIGUSR2 ----------------------------->|
 *    | ready                                    | tells its service manager whom to follow, ends, leaves all
 * ```
 *
 * SIGTERM to the old one meanwhile ends both.
 */
import { ApiClient } from './api/client.js';
import type { Keeper } from './os/keeper.js';
import { endProcess, isAlive, type ProcessId, processId, sharesNetwork } from './os/processes.js';
import { inOneService, type ServiceManager } from './os/service-manager.js';
import type { PodRecord } from './pods/pod-record.js';
import { PodwireError } from './wire/error.js';

/** Between two looks whether the successor lives, ms. */
const WATCH = 100;
/** How long a successor may take to end, ms. */
const END_WAIT = 1_000;
/** Pods that a refusal names. */
const NAMED = 8;

/**
 * Asks the agent that runs to hand over.
 * @returns its process; undefined: none runs
 * @throws PodwireError: it does not hand over, and goes on; nothing was changed
 */
export async function askForHandover(socket: string, keeper: Keeper): Promise<ProcessId | undefined> {
  const former = await keeper.former();
  try {
    await new ApiClient(socket).handOver(process.pid);
    return former;
  } catch (error) {
    if (!former && error instanceof PodwireError && error.code === 'NO_AGENT') return undefined;
    throw error;
  }
}

export class Successor {
  readonly #process: ProcessId;

  constructor(process: ProcessId) {
    this.#process = process;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** What it has begun the next agent takes back. */
  async end(): Promise<void> {
    await endProcess(this.#process, 'SIGKILL', END_WAIT);
  }

  /** @param onEnded it has ended, and this process still runs */
  watch(onEnded: () => void): void {
    const timer = setInterval(() => {
      if (isAlive(this.#process)) return;
      clearInterval(timer);
      onEnded();
    }, WATCH);
  }
}

/** @throws PodwireError REFUSED: nothing can be handed over to it */
export function successorOf(pid: number, keeper: Keeper, service: ServiceManager): Successor {
  const successor = processId(pid);
  const refused = (why: string) =>
    new PodwireError('REFUSED', `podwire cannot hand over: ${why}; nothing was changed, restart it instead`);
  if (!keeper.works) throw refused('what it has open cannot be kept on this machine, its log says why');
  if (!successor || !sharesNetwork(successor)) throw refused(`it sees no process ${pid} in its network namespace`);
  if (service.follows && !inOneService(pid, process.pid)) {
    const why = `it is a service, and its manager would not watch process ${pid}, which is none of it`;
    throw new PodwireError('REFUSED', `podwire cannot hand over: ${why}; nothing was changed, run 'podwire restart'`);
  }
  return new Successor(successor);
}

/** @throws PodwireError REFUSED: these live in the subnet that is to be given back */
export function refuseUnderPods(pods: readonly PodRecord[]): void {
  if (pods.length === 0) return;
  const names = pods.slice(0, NAMED).map(({ pod, containerId, addresses }) => {
    return `${pod ?? containerId.slice(0, 12)} (${addresses.join(', ')})`;
  });
  const more = pods.length > NAMED ? ` and ${pods.length - NAMED} more` : '';
  throw new PodwireError(
    'REFUSED',
    `pods live in this node's subnet, and another node could get their addresses: ${names.join(', ')}${more}; nothing was changed, take them off first, or leave with --force`,
  );
}

/**
 * @param start starts the successor
 * @returns its number
 * @throws PodwireError REFUSED: it could not take over, or nobody would watch it then
 */
export async function restartBy(
  start: (() => Promise<number>) | undefined,
  keeper: Keeper,
  service: ServiceManager,
): Promise<number> {
  const refused = (why: string) =>
    new PodwireError('REFUSED', `podwire cannot be restarted so: ${why}; nothing was changed`);
  if (!keeper.works) throw refused('what it has open cannot be kept on this machine, its log says why');
  if (!start || !service.follows)
    throw refused("no service manager follows it, start another in its place with 'podwire up --takeover'");
  return start();
}
