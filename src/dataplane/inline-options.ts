/** What a node on its creator's thread is made of, and whether it is that: a program in JavaScript may hand over anything. */
import type { ByteWork } from '../bytes/work.js';
import { LARGEST_TABLE } from '../core/forwarding/forwarding-table.js';
import type { Prefix } from '../wire/address.js';
import { PodwireError } from '../wire/error.js';
import { IPV4_MIN_MTU } from '../wire/ipv4.js';
import { IPV6_MIN_MTU } from '../wire/ipv6.js';
import { MAX_PORT } from '../wire/udp.js';
import { MAX_MTU, MAX_VNI, overhead } from '../wire/vxlan.js';
import type { DeviceCapabilities, DeviceEdge, UnderlayCapabilities, UnderlayEdge } from './edges.js';
import {
  isObject,
  type NodeDescription,
  readNode,
  readPeers,
  shown,
  type Unchecked,
  wrong,
} from './node-description.js';
import type { OverlayOptions } from './overlay.js';
import type { Peer } from './peers.js';

/** A node, its two edges, and what may differ from the defaults. `close` closes both edges. */
export interface InlineNodeOptions extends NodeDescription {
  readonly device: DeviceEdge;
  readonly network: UnderlayEdge;
  readonly peers?: readonly NodeDescription[];
  /** The bytes' work: `byteWork()` for the addon where it is built, or the TypeScript twins. */
  readonly work: ByteWork;
  /** Default 1 and 8472. */
  readonly vxlan?: { readonly vni?: number; readonly port?: number };
  /** Largest inner IP packet, bytes, 576 (with IPv6 inside 1,280) to 65,485; default 1,500 less the overhead. */
  readonly mtu?: number;
  /** At most 2^20, this node included; default 1,024. */
  readonly maxPeers?: number;
  /** At most 2^20, underlay addresses included; default 4,096. */
  readonly maxPrefixes?: number;
  /**
   * Called once if an edge is gone, or anything that is called in a turn throws (an edge, what it calls, `work`). The node
   * has stopped then; both edges stay open until `close`. Default: the error is thrown from the event loop, where it is an
   * uncaught exception.
   */
  readonly onLost?: (error: unknown) => void;
}

const DEVICE_CALLS: readonly (keyof DeviceEdge)[] = ['read', 'write', 'onReadable', 'close'];
const NETWORK_CALLS: readonly (keyof UnderlayEdge)[] = ['receive', 'send', 'pathMtu', 'onReadable', 'close'];
const WORK_CALLS: readonly (keyof ByteWork)[] = ['sum', 'split', 'join', 'alike'];
const DEVICE_SWITCHES: readonly (keyof DeviceCapabilities)[] = ['checksum', 'tcpSegmentation', 'udpSegmentation'];
const NETWORK_COUNTS: readonly (keyof UnderlayCapabilities)[] = ['maxSegments', 'sourcePorts'];

/**
 * What the overlay of such a node is, and its peers.
 * @throws PodwireError CONFIG that names the node and the key
 */
export function readInlineOptions(options: unknown): { overlay: OverlayOptions; peers: Peer[] } {
  if (!isObject(options)) {
    throw new PodwireError(
      'CONFIG',
      `InlineNode: options must be an object, not ${shown(options)}: nothing was changed`,
    );
  }
  const self = readNode(options, 'this node');
  const { node } = self;
  const {
    device,
    network,
    work,
    peers = [],
    vxlan = {},
    mtu,
    maxPeers,
    maxPrefixes,
    onLost,
  }: Unchecked<InlineNodeOptions> = options;
  const { family } = self.underlay;

  for (const name of DEVICE_SWITCHES) {
    const value = capabilitiesOf(node, 'device', needs(node, 'device', device, DEVICE_CALLS))[name];
    if (typeof value !== 'boolean') {
      throw wrong(node, `device.capabilities.${name}`, `must be true or false, not ${shown(value)}`);
    }
  }
  for (const name of NETWORK_COUNTS) {
    const value = capabilitiesOf(node, 'network', needs(node, 'network', network, NETWORK_CALLS))[name];
    whole(node, `network.capabilities.${name}`, value, 1, Number.MAX_SAFE_INTEGER);
  }
  needs(node, 'work', work, WORK_CALLS);
  if (onLost !== undefined && typeof onLost !== 'function') {
    throw wrong(node, 'onLost', `must be a function, not ${shown(onLost)}`);
  }
  if (!isObject(vxlan)) throw wrong(node, 'vxlan', `must be an object with vni and port, not ${shown(vxlan)}`);
  const { vni, port }: Unchecked<NonNullable<InlineNodeOptions['vxlan']>> = vxlan;
  const overlay: OverlayOptions = {
    self,
    vxlan: {
      vni: whole(node, 'vxlan.vni', vni, 1, MAX_VNI, 1),
      port: whole(node, 'vxlan.port', port, 1, MAX_PORT, 8472),
    },
    mtu: readMtu(node, mtu, self.podCidr, 1500 - overhead(family)),
    workers: 1,
    maxPeers: whole(node, 'maxPeers', maxPeers, 1, LARGEST_TABLE, 1024),
    maxPrefixes: whole(node, 'maxPrefixes', maxPrefixes, 1, LARGEST_TABLE, 4096),
  };
  return { overlay, peers: readPeers(peers, node, family) };
}

function readMtu(node: string, value: unknown, podCidr: readonly Prefix[], fallback: number): number {
  const mtu = whole(node, 'mtu', value, IPV4_MIN_MTU, MAX_MTU, fallback);
  if (mtu >= IPV6_MIN_MTU || podCidr.every((prefix) => prefix.family === 4)) return mtu;
  throw wrong(node, 'mtu', `${mtu} is too small for IPv6, which needs ${IPV6_MIN_MTU}: raise it, or leave IPv6 out`);
}

/** @param fallback what stands for a value that is absent; undefined: it is needed */
function whole(node: string, key: string, value: unknown, least: number, most: number, fallback?: number): number {
  const number = value === undefined ? fallback : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} on` : `${least} to ${most}`;
  throw wrong(node, key, `must be a whole number from ${range}, not ${shown(value)}`);
}

/** An object that can be called so. */
function needs(node: string, key: string, value: unknown, calls: readonly string[]): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw wrong(node, key, `must be an object, not ${shown(value)}`);
  const missing = calls.find((name) => typeof value[name] !== 'function');
  if (missing !== undefined) {
    throw wrong(node, `${key}.${missing}`, `must be a function, not ${shown(value[missing])}`);
  }
  return value;
}

function capabilitiesOf(
  node: string,
  key: string,
  { capabilities }: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (isObject(capabilities)) return capabilities;
  throw wrong(node, `${key}.capabilities`, `must be an object, not ${shown(capabilities)}`);
}
