/** Peers that share what only one node may have: the forwarding table would know one of them, and hear of both. */
import { formatMac } from '../core/mac.js';
import { Owners, PrefixOwners } from '../core/one-owner.js';
import { inSlices, onEventLoop, type Schedule } from '../core/slices.js';
import { formatAddress, formatPrefix } from '../wire/address.js';
import { PodwireError } from '../wire/error.js';
import { type Peer, underlays } from './peers.js';

/**
 * Compares peers with each other and with this node, in slices.
 * @param schedule default: `setImmediate`
 * @throws PodwireError CONFIG that names the first two that share something, and what
 */
export async function refuseClashes(
  self: Peer,
  peers: readonly Peer[],
  schedule: Schedule = onEventLoop,
): Promise<void> {
  const nodes = [self, ...peers];
  const names = new Owners<number>();
  const addresses = new Owners<number>();
  const macs = new Owners<number>();
  const prefixes = new PrefixOwners<number>();

  await inSlices(schedule, nodes.length, (i) => {
    const { node, mac, podCidr } = nodes[i];
    const namesake = names.claim(node, i);
    if (namesake !== undefined) throw shared(`${place(namesake)} and ${place(i)} both have the name ${node}`);
    for (const address of underlays(nodes[i])) both(addresses.claim(keyOf(address.words), i), i, address);
    both(macs.claim(keyOf(mac), i), i, mac);
    for (const prefix of podCidr) prefixes.add(prefix, i);
  });

  // What a wide subnet holds may stand before it, so all are known first.
  await inSlices(schedule, nodes.length, (i) => {
    for (const prefix of nodes[i].podCidr) {
      const outer = prefixes.holder(prefix, i);
      if (!outer) continue;
      const other = `podCidr ${formatPrefix(outer.prefix)} of ${who(outer.owner)}`;
      throw shared(`podCidr ${formatPrefix(prefix)} of ${who(i)} overlaps ${other}`);
    }
  });

  function both(first: number | undefined, second: number, value: Peer['underlay'] | Uint8Array): void {
    if (first === undefined) return;
    const what = value instanceof Uint8Array ? `MAC ${formatMac(value)}` : `underlay address ${formatAddress(value)}`;
    throw shared(`${who(first)} and ${who(second)} both have the ${what}`);
  }

  function who(i: number): string {
    return i === 0 ? `${self.node} (this node)` : nodes[i].node;
  }
}

function place(i: number): string {
  return i === 0 ? 'this node' : `peers[${i - 1}]`;
}

function shared(what: string): PodwireError {
  return new PodwireError('CONFIG', `${what}: each node has its own: nothing was changed`);
}

/** Text of numbers is enough where it is only compared: people's forms cost several times as much. */
function keyOf(numbers: ArrayLike<number>): string {
  let key = '';
  for (let i = 0; i < numbers.length; i++) key += `${numbers[i]} `;
  return key;
}
