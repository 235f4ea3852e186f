/** Which of its own addresses a machine reaches others from. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Endpoint } from '../control/config/node-config.js';
import { chosenUnderlay, hasAddress, type Trial, type Underlay } from '../core/underlay.js';
import { type Address, formatAddress, parseAddress } from '../wire/address.js';

/** How long an attempt to reach somebody may take, ms. */
const ATTEMPT = 1_000;
/** So many are tried at once; in a large cluster any of them will do. */
const MOST = 16;

export interface Found {
  /** Empty: there is a route to none of them. */
  readonly underlay: Underlay;
  /** Somebody was really reached from each of these. */
  readonly proven: boolean;
}

/**
 * The own addresses from which most of these are reached, one of each family. The kernel's routes say which they may be.
 * Where that is one, it is taken as it is; of several, those from which somebody can be connected to.
 */
export async function ownAddressesTowards(targets: readonly Endpoint[]): Promise<Found> {
  const ways = await Promise.all(targets.slice(0, MOST).map(async (to) => ({ to, source: await sourceTowards(to) })));
  const routed = ways.flatMap(({ to, source }) => (source ? [{ to, source }] : []));
  const untried = routed.map(({ source }): Trial => ({ source, reached: false }));
  const candidates = new Set(routed.map(({ source }) => formatAddress(source)));
  if (candidates.size <= 1) return { underlay: chosenUnderlay(untried), proven: false };
  const trials = await Promise.all(
    routed.map(async ({ to, source }): Promise<Trial> => ({ source, reached: await reaches(to, source) })),
  );
  return { underlay: chosenUnderlay(trials), proven: trials.some(({ reached }) => reached) };
}

/** The same, but only addresses from which somebody was really reached. */
export async function provenAddressesTowards(targets: readonly Endpoint[]): Promise<Underlay> {
  const trials = await Promise.all(
    targets.slice(0, MOST).map(async (to): Promise<Trial[]> => {
      const source = await sourceTowards(to);
      return source && (await reaches(to, source)) ? [{ source, reached: true }] : [];
    }),
  );
  return chosenUnderlay(trials.flat());
}

/** Those of these addresses that interfaces of this machine hold. */
export function ownAddresses(addresses: Underlay): Address[] {
  const own = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).flatMap((info) => parseAddress(info.address.replace(/%.*$/, '')) ?? []),
  );
  return addresses.filter((address) => hasAddress(own, address));
}

/**
 * The own address from which this one is reached. Connecting a UDP socket asks the kernel for a route and a source address,
 * and sends nothing.
 * @returns undefined: there is no route
 */
export async function sourceTowards({ address, port }: Endpoint): Promise<Address | undefined> {
  const socket = createSocket(address.family === 4 ? 'udp4' : 'udp6');
  try {
    socket.connect(port, formatAddress(address));
    await once(socket, 'connect');
    const { address: own } = socket.address();
    // A target that is this machine itself is reached from itself.
    return parseAddress(own.replace(/%.*$/, ''));
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

/** Whether packets pass both ways: a refused connection was answered as well. */
async function reaches(to: Endpoint, source: Address): Promise<boolean> {
  const outcome = await attempt(to, source);
  return outcome === 'connected' || outcome === 'ECONNREFUSED';
}

/** Whether somebody listens there. */
export async function connects(to: Endpoint, source: Address): Promise<boolean> {
  return (await attempt(to, source)) === 'connected';
}

/** @returns `connected`, or the errno */
function attempt({ address, port }: Endpoint, source: Address): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: formatAddress(address), port, localAddress: formatAddress(source) });
    const end = (outcome: string | undefined) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(ATTEMPT, () => end('ETIMEDOUT'));
    socket.once('connect', () => end('connected'));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code));
  });
}
