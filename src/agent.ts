/**
 * The node agent: the one place that sees everything and puts it together. Reads as a life does: it is fit or refuses,
 * takes what it needs, carries traffic, changes its peers, and gives everything back.
 */

import { ApiServer } from './api/server.js';
import { Carrier, releaseAll } from './carrier.js';
import type { Agent, AgentOptions } from './control/agent-types.js';
import { checkNode, fatalProblems } from './control/check.js';
import type { NodeConfig } from './control/config/node-config.js';
import { assertReloadable } from './control/config/reloadable.js';
import type { CounterReading, NodeStatus, PeerStatus, ReloadReport, RouteStatus } from './control/node-api.js';
import { formatMac } from './core/mac.js';
import type { Peer } from './dataplane/peers.js';
import { byteWorkKind, loadAddon } from './os/addon.js';
import { gatherFacts } from './os/facts.js';
import { HostNetwork } from './os/host-network.js';
import { loadOrMakeMac, makeStateDir } from './os/state-dir.js';
import { version } from './os/version.js';
import { formatAddress, formatPrefix, type Prefix } from './wire/address.js';
import { PodwireError } from './wire/error.js';

const SECURITY = {
  sealed: false,
  note: 'plain VXLAN: nothing is encrypted, and a sender is known by its outer address only, which proves nothing; run it where you trust the network between the nodes',
} as const;

/**
 * Starts a node and resolves when it carries traffic.
 * @throws PodwireError: the node does not run, and what was made is taken back
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const agent = new NodeAgent(options);
  try {
    await agent.start();
    return agent;
  } catch (error) {
    await agent.release();
    throw error;
  }
}

class NodeAgent implements Agent {
  readonly stopped: Promise<number>;
  readonly #options: AgentOptions;
  readonly #startedAt = Date.now();
  #config: NodeConfig;
  #carrier: Carrier | undefined;
  #resolveStopped: (code: number) => void = () => {};
  /** How to give back what was taken, in the order of taking. */
  readonly #releases: (() => unknown)[] = [];
  #releasing: Promise<void> | undefined;
  #reloading: Promise<unknown> = Promise.resolve();

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#config = options.config;
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  async start(): Promise<void> {
    const { log } = this.#options;
    const config = this.#config;
    const addon = loadAddon();
    await this.#refuseIfUnfit();

    const api = new ApiServer(this, config.socket);
    await makeStateDir(config.stateDir);
    await api.listen();
    this.#releases.push(() => api.close());

    const mac = await loadOrMakeMac(config.stateDir, config.node);
    const host = new HostNetwork({ stateDir: config.stateDir, device: config.device });
    for (const line of await host.recover()) log.info({ removed: line }, 'removed what an earlier run left');
    const onLost = (error: PodwireError) => this.#lost(error);
    const carrier = await Carrier.start({ config, addon, host, mac, peers: config.peers, log, onLost });
    this.#carrier = carrier;
    this.#releases.push(() => carrier.stop());
    if (process.env['NOTIFY_SOCKET']) addon.notify(process.env['NOTIFY_SOCKET'], 'READY=1');
  }

  /** Before anything is changed. */
  async #refuseIfUnfit(): Promise<void> {
    const problems = fatalProblems(checkNode(this.#config, await gatherFacts(this.#config)));
    if (problems.length === 0) return;
    const lines = problems.map(({ message, mend }) => (mend ? `${message}: ${mend}` : message));
    throw new PodwireError('MACHINE', lines.join('\n'));
  }

  status(): NodeStatus {
    const carrier = this.#ready();
    const { node, underlay, podCidr, clusterCidr, device, vxlan, workers } = this.#config;
    return {
      node,
      underlay: formatAddress(underlay),
      podCidr: podCidr.map(formatPrefix),
      clusterCidr: clusterCidr.map(formatPrefix),
      device,
      mac: formatMac(carrier.overlay.self.mac),
      mtu: carrier.mtu,
      mode: 'vxlan',
      vxlan,
      workers,
      native: byteWorkKind(),
      offloads: carrier.offloads,
      security: SECURITY,
      version,
      pid: process.pid,
      uptimeMs: Date.now() - this.#startedAt,
      rssBytes: process.memoryUsage.rss(),
      peers: this.peers(),
    };
  }

  peers(): PeerStatus[] {
    return [...this.#ready().overlay.peers()].map(({ peer, mtu, counters }) => ({
      node: peer.node,
      underlay: formatAddress(peer.underlay),
      podCidr: peer.podCidr.map(formatPrefix),
      mac: formatMac(peer.mac),
      mtu,
      ...counters,
    }));
  }

  routes(): RouteStatus[] {
    const { overlay } = this.#ready();
    const of = (peer: Peer, self: boolean): RouteStatus[] => {
      const via = formatAddress(peer.underlay);
      const pods = peer.podCidr.map((prefix: Prefix) => formatPrefix(prefix));
      const host = `${via}/${peer.underlay.family === 4 ? 32 : 128}`;
      return [
        ...pods.map((prefix): RouteStatus => ({ prefix, node: peer.node, kind: 'pod', via, self })),
        { prefix: host, node: peer.node, kind: 'underlay', via, self },
      ];
    };
    return [...of(overlay.self, true), ...[...overlay.peers()].flatMap(({ peer }) => of(peer, false))];
  }

  counters(): CounterReading {
    return this.#ready().overlay.counters.total();
  }

  /** Reloads happen one after the other. */
  reload(): Promise<ReloadReport> {
    const done = this.#reloading.then(() => this.#reload());
    this.#reloading = done.catch(() => undefined);
    return done;
  }

  async #reload(): Promise<ReloadReport> {
    const { overlay } = this.#ready();
    const next = this.#options.readConfig();
    assertReloadable(this.#config, next);
    const { added, removed, changed, unchanged } = await overlay.setPeers(next.peers);
    this.#config = next;
    this.#options.log.info({ added, removed, changed, unchanged }, 'peers reloaded');
    return { added, removed, changed, unchanged };
  }

  async down(): Promise<void> {
    await this.release();
    this.#resolveStopped(0);
  }

  #lost(error: PodwireError): void {
    this.#options.log.error({ code: error.code }, error.message);
    this.release().then(
      () => this.#resolveStopped(1),
      () => this.#resolveStopped(1),
    );
  }

  /** Gives everything back, last taken first; a failure is logged and does not keep the rest. */
  release(): Promise<void> {
    this.#releasing ??= releaseAll(this.#releases, this.#options.log);
    return this.#releasing;
  }

  #ready(): Carrier {
    if (!this.#carrier) throw new PodwireError('NO_AGENT', 'podwire is starting: ask again in a moment');
    return this.#carrier;
  }
}
