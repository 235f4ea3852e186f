/** A node in words, as people write it, and what it is then: what a configuration file refuses is refused here too. */
import { macFromName, macProblem, parseMac } from '../core/mac.js';
import { outerAddressProblem, podRangeProblem } from '../core/outer-address.js';
import { podPrefixProblem } from '../core/overlay-address.js';
import { visible } from '../core/visible.js';
import { type Address, type Family, formatPrefix, type Prefix, parseAddress, parsePrefix } from '../wire/address.js';
import { PodwireError } from '../wire/error.js';
import { isNodeName, NODE_NAME_RULE } from '../wire/node-name.js';
import type { Peer } from './peers.js';

/** A node in words, as in a configuration file. */
export interface NodeDescription {
  /** Its name, unique among its peers. */
  readonly node: string;
  /** The address that its frames come from and go to. */
  readonly underlay: string;
  /** Its pod subnets, such as `10.244.1.0/24`: at most one for each family. */
  readonly podCidr: string | readonly string[];
  /** Its VTEP MAC; default: derived from its name. */
  readonly mac?: string;
}

/** What JavaScript may hand over in place of a `T`. */
export type Unchecked<T> = { readonly [Key in keyof T]?: unknown };

/** An error about a key of a node. */
export function wrong(node: string, key: string, what: string): PodwireError {
  return new PodwireError('CONFIG', visible(`${node}: ${key} ${what}: nothing was changed`));
}

/** A value of whatever type, in a few words of one line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/** Whether something has members: what is none of that cannot be looked into. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param place what the node is called as long as its name is not known */
export function readNode(described: unknown, place: string): Peer {
  if (!isObject(described)) throw wrong(place, 'node', `must be described by an object, not ${shown(described)}`);
  const { node, underlay, podCidr, mac }: Unchecked<NodeDescription> = described;
  if (typeof node !== 'string' || !isNodeName(node)) {
    throw wrong(place, 'node', `must be ${NODE_NAME_RULE}, not ${shown(node)}`);
  }
  return {
    node,
    underlay: readUnderlay(node, underlay),
    podCidr: readPodCidr(node, podCidr),
    mac: mac === undefined ? macFromName(node) : readMac(node, mac),
  };
}

/** The peers of a node whose underlay has this family. */
export function readPeers(described: unknown, self: string, family: Family): Peer[] {
  if (!Array.isArray(described)) throw wrong(self, 'peers', `must be a list, not ${shown(described)}`);
  // Not `map`: it leaves out what a sparse list lacks.
  return Array.from<unknown, Peer>(described, (one, i) => {
    const peer = readNode(one, `peers[${i}]`);
    if (peer.underlay.family === family) return peer;
    const what = `is IPv${peer.underlay.family}, and ${self} reaches peers over IPv${family} only`;
    throw wrong(peer.node, 'underlay', what);
  });
}

function readUnderlay(node: string, text: unknown): Address {
  const address = typeof text === 'string' ? parseAddress(text) : undefined;
  if (!address) throw wrong(node, 'underlay', `must be an IPv4 or IPv6 address, not ${shown(text)}`);
  const problem = outerAddressProblem(address, []);
  if (problem !== undefined) throw wrong(node, 'underlay', problem);
  return address;
}

function readPodCidr(node: string, value: unknown): Prefix[] {
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (texts.length === 0) throw wrong(node, 'podCidr', 'must be a prefix such as 10.1.2.0/24, not an empty list');
  const prefixes = texts.map((text) => readPrefix(node, text));
  const [first, ...others] = prefixes;
  const second = others.find(({ family }, i) => family === first.family || i > 0);
  if (second) {
    throw wrong(
      node,
      'podCidr',
      `${formatPrefix(second)} is a second IPv${second.family} prefix: at most one a family`,
    );
  }
  return prefixes;
}

function readPrefix(node: string, text: unknown): Prefix {
  if (typeof text !== 'string')
    throw wrong(node, 'podCidr', `must be a prefix such as 10.1.2.0/24, not ${shown(text)}`);
  const prefix = parsePrefix(text);
  if (typeof prefix === 'string') throw wrong(node, 'podCidr', prefix);
  const problem = podPrefixProblem(prefix) ?? podRangeProblem(prefix);
  if (problem !== undefined) throw wrong(node, 'podCidr', problem);
  return prefix;
}

function readMac(node: string, text: unknown): Uint8Array {
  const mac = typeof text === 'string' ? parseMac(text) : undefined;
  if (!mac) throw wrong(node, 'mac', `must be a MAC address such as 02:00:5e:10:00:01, not ${shown(text)}`);
  const problem = macProblem(mac);
  if (problem !== undefined) throw wrong(node, 'mac', problem);
  return mac;
}
