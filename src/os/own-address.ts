/** Which of its own addresses a machine reaches others from: the kernel's routes say it, nothing is sent. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { Endpoint } from '../control/config/node-config.js';
import { type Address, formatAddress, parseAddress } from '../wire/address.js';

/**
 * The own address from which most of these are reached; among equals the one for the first.
 * @returns undefined: there is a route to none of them
 */
export async function ownAddressTowards(targets: readonly Endpoint[]): Promise<Address | undefined> {
  const votes = new Map<string, number>();
  for (const target of targets) {
    const own = await sourceTowards(target);
    if (own !== undefined) votes.set(formatAddress(own), (votes.get(formatAddress(own)) ?? 0) + 1);
  }
  const [best] = [...votes].sort(([, a], [, b]) => b - a);
  return best && parseAddress(best[0]);
}

/** Whether an interface of this machine holds the address. */
export function isOwnAddress(address: Address): boolean {
  const text = formatAddress(address);
  return Object.values(networkInterfaces()).some((list) =>
    list?.some((info) => {
      const own = parseAddress(info.address.replace(/%.*$/, ''));
      return own !== undefined && formatAddress(own) === text;
    }),
  );
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
