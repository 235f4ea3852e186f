/** Two nodes on one in-memory network, driven by hand: no event loop, no clock but the test's. */
import { twins } from '../../../src/bytes/index.js';
import type { CounterName } from '../../../src/core/counters.js';
import { macFromName } from '../../../src/core/mac.js';
import type { DeviceCapabilities, UnderlayEdge } from '../../../src/dataplane/edges.js';
import { MemoryDevice } from '../../../src/dataplane/memory-device.js';
import { MemoryNetwork, type MemoryUnderlay } from '../../../src/dataplane/memory-network.js';
import { Overlay, pathContext } from '../../../src/dataplane/overlay.js';
import type { Peer } from '../../../src/dataplane/peers.js';
import { Pipeline } from '../../../src/dataplane/pipeline.js';
import { parsePrefix } from '../../../src/wire/address.js';
import { address } from './packets.js';

export const OFFLOADS: DeviceCapabilities = { checksum: true, tcpSegmentation: true, udpSegmentation: true };

export function peer(node: string, underlay: string, ...podCidr: string[]): Peer {
  const prefixes = podCidr.map((cidr) => {
    const prefix = parsePrefix(cidr);
    if (typeof prefix === 'string') throw new Error(prefix);
    return prefix;
  });
  return { node, underlay: address(underlay), podCidr: prefixes, mac: macFromName(node) };
}

export const ALPHA = peer('alpha', '192.0.2.1', '10.244.1.0/24', 'fd00:244:1::/64');
export const BRAVO = peer('bravo', '198.51.100.1', '10.244.2.0/24', 'fd00:244:2::/64');
export const ALPHA6 = peer('alpha', '2001:db8:1::1', '10.244.1.0/24', 'fd00:244:1::/64');
export const BRAVO6 = peer('bravo', '2001:db8:2::1', '10.244.2.0/24', 'fd00:244:2::/64');

export interface TestNode {
  readonly peer: Peer;
  readonly device: MemoryDevice;
  readonly underlay: MemoryUnderlay;
  readonly overlay: Overlay;
  readonly pipeline: Pipeline;
  counter(name: CounterName): number;
  /** Everything that came out of the device since the last call. */
  taken(): Buffer[];
}

export interface TestOptions {
  readonly mtu?: number;
  readonly dscp?: number;
  readonly capabilities?: DeviceCapabilities;
  readonly now?: () => number;
  readonly onProbe?: (peer: number, frame: Uint8Array) => void;
  /** Puts something between the node and its underlay. */
  readonly wrap?: (underlay: MemoryUnderlay) => UnderlayEdge;
  readonly virtio?: (packet: Uint8Array, virtio: Uint8Array) => void;
}

export async function makeNode(
  network: MemoryNetwork,
  self: Peer,
  peers: readonly Peer[],
  options: TestOptions = {},
): Promise<TestNode> {
  const packets: Buffer[] = [];
  const device = new MemoryDevice({
    ...(options.capabilities ? { capabilities: options.capabilities } : {}),
    limit: 100_000,
    onPacket: (packet, virtio) => {
      packets.push(Buffer.from(packet));
      options.virtio?.(packet, Uint8Array.from(virtio));
    },
  });
  const underlay = network.attach(self.underlay, { limit: 100_000 });
  const overlay = await Overlay.create({
    self,
    vxlan: { vni: 1, port: 8472 },
    mtu: options.mtu ?? (self.underlay.family === 4 ? 1450 : 1430),
    ...(options.dscp === undefined ? {} : { dscp: options.dscp }),
    workers: 1,
    maxPeers: 64,
    maxPrefixes: 256,
  });
  await overlay.setPeers(peers);
  const context = pathContext(overlay.shared, 0, twins, options.now ?? (() => 0), options.onProbe);
  const pipeline = new Pipeline(device, options.wrap?.(underlay) ?? underlay, context);
  return {
    peer: self,
    device,
    underlay,
    overlay,
    pipeline,
    counter: (name) => overlay.counters.total()[name],
    taken: () => packets.splice(0),
  };
}

/** Takes turns until nothing moves any more. */
export function settle(...nodes: readonly TestNode[]): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (const { pipeline } of nodes) {
      if (pipeline.turn()) moved = true;
      pipeline.rest();
    }
  }
}

export async function twoNodes(options: TestOptions = {}, peers = [ALPHA, BRAVO]): Promise<[TestNode, TestNode]> {
  const network = new MemoryNetwork();
  const [one, other] = peers;
  return [await makeNode(network, one, [other], options), await makeNode(network, other, [one], options)];
}
