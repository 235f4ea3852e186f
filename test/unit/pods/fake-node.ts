/** A node's pods over a kernel that only says yes, and a journal in memory. */
import { EventLog } from '../../../src/control/membership/events.js';
import type { AttachmentWords, NetworkConfig } from '../../../src/pods/cni/request.js';
import { type Entry, readLines, writeLine } from '../../../src/pods/journal.js';
import type { NodeLink, PodKernel } from '../../../src/pods/kernel.js';
import { PodNetwork } from '../../../src/pods/network.js';
import type { PodStore } from '../../../src/pods/pod-store.js';
import { type Prefix, parsePrefix } from '../../../src/wire/address.js';

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

export const SUBNET = prefix('10.244.1.0/24');

/** A pod by a veth of its own. */
export const NETWORK: NetworkConfig = {
  version: '1.1.0',
  name: 'podwire',
  attach: 'ptp',
  masquerade: false,
  range: [],
  gateways: [],
  ips: [],
  ports: [],
};

export function words(containerId: string): AttachmentWords {
  return { containerId, ifname: 'eth0', netns: `/run/netns/${containerId}` };
}

export function link(name: string, more: Partial<NodeLink> = {}): NodeLink {
  const plain = { kind: 'veth', type: 'ether', wireless: false, mac: '02:00:00:00:00:07', mtu: 1500, up: true };
  return { name, index: 1, ...plain, addresses: [], networks: [], gateways: [], ...more };
}

export class FakeNode implements PodStore {
  readonly boot = 'boot';
  readonly lines = 0;
  readonly events: string[] = [];
  /** What `nft` was given. */
  readonly filters: string[] = [];
  /** What `ip` was given in the node's namespace. */
  readonly asked: string[] = [];
  links: NodeLink[] = [];
  /** What the kernel does else than to say yes. */
  kernel: Partial<PodKernel> = {};
  #journal = '';

  append(entries: readonly Entry[]) {
    this.#journal += entries.map(writeLine).join('');
    return { durable: Promise.resolve() };
  }

  replace(entries: readonly Entry[]): void {
    this.#journal = entries.map(writeLine).join('');
  }

  /** Another life of its agent, which carries. */
  async life(): Promise<PodNetwork> {
    const events = new EventLog(() => 0);
    events.onEvent(({ kind, message }) => this.events.push(`${kind}: ${message}`));
    const none = { entries: [], damaged: [], torn: false };
    const pods = await PodNetwork.start(
      {
        kernel: this.#kernel(),
        store: this,
        events,
        clusterCidr: [prefix('10.244.0.0/16')],
        tun: 'podwire0',
        ownPorts: [],
        now: () => 0,
      },
      this.#journal === '' ? none : readLines(this.#journal),
    );
    await pods.hold([SUBNET], 1450);
    return pods;
  }

  #kernel(): PodKernel {
    const yes: PodKernel = {
      ownNamespace: '/proc/self/ns/net',
      namespace: async () => 'there',
      node: async (lines) => void this.asked.push(...lines),
      nodeForced: async (lines) => {
        this.asked.push(...lines);
        return [];
      },
      pod: async () => undefined,
      podForced: async () => [],
      settings: async () => undefined,
      filter: async (text) => void this.filters.push(text),
      filterChain: async () => undefined,
      filterTable: async () => undefined,
      links: async () => this.links,
      traffic: async () => new Map(),
      underlayRoutes: async () => ({ subnets: [], peers: [], siblings: [], direct: [] }),
      interface: async () => undefined,
      whoHas: async () => new Map(),
      close: () => undefined,
    };
    // As it is when it is asked, not as it was when it was made.
    return new Proxy(yes, { get: (target, name) => Reflect.get({ ...target, ...this.kernel }, name) });
  }
}
