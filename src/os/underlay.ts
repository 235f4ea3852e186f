/** The machine's own side of the underlay: which interface holds the address that peers send to. */
import { tunMtu } from '../control/desired-host.js';
import { type Address, formatAddress, formatPrefix, prefixContains } from '../wire/address.js';
import { PodwireError } from '../wire/error.js';
import { ipQuery } from './ip-batch.js';
import { addressesOf, type IpInterface } from './observe.js';

export interface UnderlayFacts {
  readonly device: string;
  readonly up: boolean;
  /** Largest IP packet of the underlay device, bytes. */
  readonly mtu: number;
  /** What our own device gets of it, bytes. */
  readonly tunMtu: number;
}

/**
 * Finds the underlay address on this machine.
 * @throws PodwireError MACHINE: no interface holds it
 */
export async function underlayFacts(address: Address): Promise<UnderlayFacts> {
  const [answer] = await ipQuery(['address show']);
  const interfaces = (answer ?? []) as IpInterface[];
  const link = interfaces.find((candidate) => addressesOf(candidate).some((own) => prefixContains(own, address)));
  if (link === undefined) {
    throw new PodwireError(
      'MACHINE',
      `no interface holds the underlay address ${formatAddress(address)}; there is ${inventory(interfaces, address)}`,
    );
  }
  return {
    device: link.ifname,
    up: link.flags.includes('UP'),
    mtu: link.mtu,
    tunMtu: tunMtu(link.mtu, address.family),
  };
}

/** Addresses of the same family, a handful at most: a node with pods has hundreds. */
function inventory(interfaces: readonly IpInterface[], wanted: Address): string {
  const own = interfaces.flatMap((link) =>
    addressesOf(link)
      .filter((prefix) => prefix.family === wanted.family)
      .map((prefix) => `${formatPrefix(prefix).replace(/\/\d+$/, '')} (${link.ifname})`),
  );
  if (own.length === 0) return `no IPv${wanted.family} address at all`;
  return own.slice(0, 8).join(', ') + (own.length > 8 ? `, and ${own.length - 8} more` : '');
}
