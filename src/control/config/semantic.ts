/**
 * What the keys of a configuration must have in common, with each other and with the world. Pure. Works on what could be
 * parsed, so that one bad value does not hide what is wrong elsewhere.
 */
import { formatMac, macFromName } from '../../core/mac.js';
import { Owners, PrefixOwners } from '../../core/one-owner.js';
import { outerAddressProblem, podRangeProblem } from '../../core/outer-address.js';
import { podPrefixProblem } from '../../core/overlay-address.js';
import type { Underlay } from '../../core/underlay.js';
import { type Family, formatAddress, formatPrefix, type Prefix, prefixContains } from '../../wire/address.js';
import { IPV6_MIN_MTU } from '../../wire/ipv6.js';
import type { WrittenEndpoint } from './endpoint.js';
import type { NodeConfig } from './node-config.js';
import type { Problem } from './problem.js';

/** A node as far as it could be parsed. `path` is its place in the file: empty, or `peers[0].`. */
interface DraftNode {
  readonly path: string;
  readonly node?: string | undefined;
  readonly underlay?: Underlay | undefined;
  readonly podCidr?: readonly Prefix[] | undefined;
  readonly mac?: Uint8Array | undefined;
}

/** The part of a configuration that is cross-checked, as far as it could be parsed. */
export interface Draft {
  readonly self: DraftNode;
  readonly clusterCidr?: readonly Prefix[] | undefined;
  readonly mtu?: number | undefined;
  readonly peers: readonly DraftNode[];
  readonly join: readonly WrittenEndpoint[];
  readonly podPrefix?: NodeConfig['podPrefix'] | undefined;
  readonly vxlanPort?: number | undefined;
  readonly gossipPort?: number | undefined;
  /** What is said at all, be it right or wrong. */
  readonly said: Readonly<Record<'underlay' | 'podCidr' | 'join' | 'keyFile' | 'insecure', boolean>>;
}

export function crossCheck(draft: Draft): Problem[] {
  const { self, clusterCidr, peers } = draft;
  const nodes = [self, ...peers];
  return [
    ...checkCluster(clusterCidr),
    ...nodes.flatMap((node) => checkUnderlay(node, draft)),
    ...nodes.flatMap((node) => checkPodCidr(node, clusterCidr)),
    ...checkMtu(draft),
    ...duplicates(nodes, 'node', ({ node }) => (node === undefined ? [] : [node])),
    ...duplicates(nodes, 'underlay', ({ underlay = [] }) => underlay.map(formatAddress)),
    ...duplicates(nodes, 'mac', ({ node, mac }) => {
      const bytes = mac ?? (node === undefined ? undefined : macFromName(node));
      return bytes ? [formatMac(bytes)] : [];
    }),
    ...overlaps(nodes),
  ];
}

function checkCluster(clusterCidr: readonly Prefix[] = []): Problem[] {
  const path = 'clusterCidr';
  const unusable = clusterCidr.flatMap((prefix) => {
    const message = podRangeProblem(prefix);
    return message === undefined ? [] : [{ path, message }];
  });
  return [...onePerFamily(path, clusterCidr), ...unusable];
}

function checkUnderlay(node: DraftNode, { clusterCidr = [] }: Draft): Problem[] {
  const { underlay = [] } = node;
  const path = `${node.path}underlay`;
  const each = underlay.flatMap((address): Problem[] => {
    const message = outerAddressProblem(address, clusterCidr);
    return message === undefined ? [] : [{ path, message }];
  });
  const second = secondOfFamily(underlay);
  if (!second) return each;
  const message = `${formatAddress(second)} is a second IPv${second.family} address: at most one a family`;
  return [{ path, message }, ...each];
}

function checkPodCidr(node: DraftNode, clusterCidr: readonly Prefix[] | undefined): Problem[] {
  const { podCidr = [] } = node;
  const path = `${node.path}podCidr`;
  const each = podCidr.flatMap((prefix): Problem[] => {
    const tooSmall = podPrefixProblem(prefix);
    if (tooSmall !== undefined) return [{ path, message: tooSmall }];
    if (!clusterCidr || clusterCidr.some((cluster) => holds(cluster, prefix))) return [];
    const cluster = clusterCidr.find(({ family }) => family === prefix.family);
    const message = cluster
      ? `${formatPrefix(prefix)} is not inside clusterCidr ${formatPrefix(cluster)}`
      : `${formatPrefix(prefix)} is IPv${prefix.family}, and clusterCidr has no IPv${prefix.family} prefix: add one`;
    return [{ path, message }];
  });
  return [...onePerFamily(path, podCidr), ...each];
}

function checkMtu({ mtu, self, clusterCidr }: Draft): Problem[] {
  const v6 = [...(self.podCidr ?? []), ...(clusterCidr ?? [])].some(({ family }) => family === 6);
  if (mtu === undefined || mtu >= IPV6_MIN_MTU || !v6) return [];
  return [
    {
      path: 'mtu',
      message: `${mtu} is too small for IPv6, which needs ${IPV6_MIN_MTU}: raise it, or leave the IPv6 prefixes out`,
    },
  ];
}

function onePerFamily(path: string, prefixes: readonly Prefix[]): Problem[] {
  const second = secondOfFamily(prefixes);
  if (!second) return [];
  return [{ path, message: `${formatPrefix(second)} is a second IPv${second.family} prefix: at most one a family` }];
}

function secondOfFamily<T extends { readonly family: Family }>(values: readonly T[]): T | undefined {
  return values.find((value, i) => values.findIndex(({ family }) => family === value.family) < i);
}

/** Finds values that two nodes share; the later one is told. */
function duplicates(
  nodes: readonly DraftNode[],
  key: 'node' | 'underlay' | 'mac',
  valuesIn: (node: DraftNode) => readonly string[],
): Problem[] {
  const owners = new Owners<DraftNode>();
  return nodes.flatMap((node) =>
    valuesIn(node).flatMap((value): Problem[] => {
      const owner = owners.claim(value, node);
      // Two nodes of one name have one derived MAC as well: the name says it. One node's twice is a second of a family.
      if (!owner || (key === 'mac' && owner.node === node.node)) return [];
      return [{ path: node.path + key, message: duplicateProblem(key, value, owner) }];
    }),
  );
}

function duplicateProblem(key: 'node' | 'underlay' | 'mac', value: string, owner: DraftNode): string {
  if (key === 'node' && owner.path === '') return `${value} is this node itself: peers are the other nodes, remove it`;
  if (key === 'node') return `${value} is the name of ${owner.path.slice(0, -1)} already: every node has its own`;
  return `${value} is ${whose(owner)} already: every node has its own`;
}

/** Finds pod subnets that overlap; the later node is told. Two of one node are a second of a family, told elsewhere. */
function overlaps(nodes: readonly DraftNode[]): Problem[] {
  const owners = new PrefixOwners<DraftNode>();
  const subnets = nodes.flatMap((node) => (node.podCidr ?? []).map((prefix) => ({ owner: node, prefix })));
  for (const { owner, prefix } of subnets) owners.add(prefix, owner);
  const order = new Map(nodes.map((node, i) => [node, i]));
  const place = (node: DraftNode) => order.get(node) ?? 0;
  return subnets.flatMap((inner) => {
    const outer = owners.holder(inner.prefix, inner.owner);
    if (!outer) return [];
    const [earlier, later] = place(inner.owner) < place(outer.owner) ? [inner, outer] : [outer, inner];
    const message = `${formatPrefix(later.prefix)} overlaps ${formatPrefix(earlier.prefix)}, ${whose(earlier.owner)}: an address has one owner`;
    return [{ path: `${later.owner.path}podCidr`, message }];
  });
}

function holds(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && prefixContains(outer, inner);
}

function whose({ path, node }: DraftNode): string {
  if (path === '') return "this node's own";
  return node === undefined ? `that of ${path.slice(0, -1)}` : `${node}'s (${path.slice(0, -1)})`;
}
