/**
 * The node agent: the one place that sees everything and puts it together. Reads as a life does: it is fit or refuses,
 * takes what it needs, carries traffic, changes its peers, and gives everything back.
 */

import { ApiServer } from './api/server.js';
import type { Agent, AgentOptions } from './control/agent-types.js';
import { checkNode, fatalProblems } from './control/check.js';
import type { NodeConfig } from './control/config/node-config.js';
import { assertReloadable } from './control/config/reloadable.js';
import { carriedSubnets, desiredHost } from './control/desired-host.js';
import type { CounterReading, NodeStatus, PeerStatus, ReloadReport, RouteStatus } from './control/node-api.js';
import { probeAddress } from './control/probe-address.js';
import { formatMac } from './core/mac.js';
import { overlayAddress } from './core/overlay-address.js';
import { Overlay } from './dataplane/overlay.js';
import type { Peer } from './dataplane/peers.js';
import { type Addon, byteWorkKind, loadAddon } from './os/addon.js';
import { TunDevice } from './os/device.js';
import { gatherFacts } from './os/facts.js';
import { HostNetwork } from './os/host-network.js';
import { testOffloads } from './os/offload-test.js';
import { dropPrivileges } from './os/privileges.js';
import { loadOrMakeMac, makeStateDir } from './os/state-dir.js';
import { openUdpSockets, type UdpSockets } from './os/udp.js';
import { underlayFacts } from './os/underlay.js';
import { version } from './os/version.js';
import { addressBytes, formatAddress, formatPrefix, type Prefix } from './wire/address.js';
import { PodwireError } from './wire/error.js';
import { WorkerPool } from './worker-pool.js';

/** Egress sockets of a worker: so many source ports spread its flows over the underlay. */
const SOURCE_PORTS = 8;
/** How often narrow paths are looked at again, ms. */
const PATH_REFRESH = 10_000;

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
  #mtu = 0;
  #offloads: readonly string[] = [];
  #overlay: Overlay | undefined;
  #timer: NodeJS.Timeout | undefined;
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
    const underlay = await underlayFacts(config.underlay);
    this.#mtu = config.mtu ?? underlay.tunMtu;

    const sockets = this.#openSockets(addon);
    const device = this.#openDevice(addon);
    this.#releases.push(() => host.remove());
    await host.apply(desiredHost(config, this.#mtu));
    await this.#testOffloads(addon, device);
    this.#offloads = device.offloadNames;
    device.openQueues(config.workers);

    const self: Peer = { node: config.node, underlay: config.underlay, podCidr: config.podCidr, mac };
    const overlay = await Overlay.create({ self, vxlan: config.vxlan, mtu: this.#mtu, workers: config.workers });
    this.#overlay = overlay;
    await overlay.setPeers(config.peers);
    dropPrivileges(addon);
    const pool = await WorkerPool.start({
      addon,
      shared: overlay.shared,
      underlay: config.underlay,
      queues: device.queues,
      capabilities: device.capabilities,
      sockets,
      onLost: (error) => this.#lost(error),
    });
    this.#releases.push(() => pool.stop());
    this.#timer = setInterval(() => this.#refreshPathMtus(addon, overlay), PATH_REFRESH);
    this.#releases.push(() => clearInterval(this.#timer));
    if (process.env['NOTIFY_SOCKET']) addon.notify(process.env['NOTIFY_SOCKET'], 'READY=1');
  }

  /** Before anything is changed. */
  async #refuseIfUnfit(): Promise<void> {
    const problems = fatalProblems(checkNode(this.#config, await gatherFacts(this.#config)));
    if (problems.length === 0) return;
    const lines = problems.map(({ message, mend }) => (mend ? `${message}: ${mend}` : message));
    throw new PodwireError('MACHINE', lines.join('\n'));
  }

  #openSockets(addon: Addon): UdpSockets[] {
    const { underlay, vxlan, workers } = this.#config;
    return Array.from({ length: workers }, () => {
      const opened = openUdpSockets(addon, {
        underlay,
        port: vxlan.port,
        sourcePorts: SOURCE_PORTS,
        random: Math.random,
      });
      this.#releases.push(() => {
        for (const fd of [opened.receive, ...opened.egress]) addon.close(fd);
      });
      return opened;
    });
  }

  #openDevice(addon: Addon): TunDevice {
    const device = new TunDevice(addon, this.#config.device, this.#config.workers > 1);
    this.#releases.push(() => device.close());
    return device;
  }

  async #testOffloads(addon: Addon, device: TunDevice): Promise<void> {
    const { clusterCidr } = this.#config;
    for (const subnet of carriedSubnets(this.#config, this.#mtu)) {
      const remote = probeAddress(subnet, clusterCidr);
      if (!remote) continue;
      for (const { offload, family, verdict } of await testOffloads(addon, device, overlayAddress(subnet), remote)) {
        if (verdict === 'broken') {
          this.#options.log.warn({ offload, family }, 'this kernel breaks an offload: it is turned off');
        }
      }
    }
  }

  #refreshPathMtus(addon: Addon, overlay: Overlay): void {
    const source = addressBytes(this.#config.underlay);
    overlay.refreshPathMtus((peer) => addon.pathMtu(source, addressBytes(peer.underlay)));
  }

  status(): NodeStatus {
    const { node, underlay, podCidr, clusterCidr, device, vxlan, workers } = this.#config;
    return {
      node,
      underlay: formatAddress(underlay),
      podCidr: podCidr.map(formatPrefix),
      clusterCidr: clusterCidr.map(formatPrefix),
      device,
      mac: formatMac(this.#ready().self.mac),
      mtu: this.#mtu,
      mode: 'vxlan',
      vxlan,
      workers,
      native: byteWorkKind(),
      offloads: this.#offloads,
      security: SECURITY,
      version,
      pid: process.pid,
      uptimeMs: Date.now() - this.#startedAt,
      rssBytes: process.memoryUsage.rss(),
      peers: this.peers(),
    };
  }

  peers(): PeerStatus[] {
    return [...this.#ready().peers()].map(({ peer, mtu, counters }) => ({
      node: peer.node,
      underlay: formatAddress(peer.underlay),
      podCidr: peer.podCidr.map(formatPrefix),
      mac: formatMac(peer.mac),
      mtu,
      ...counters,
    }));
  }

  routes(): RouteStatus[] {
    const overlay = this.#ready();
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
    return this.#ready().counters.total();
  }

  /** Reloads happen one after the other. */
  reload(): Promise<ReloadReport> {
    const done = this.#reloading.then(() => this.#reload());
    this.#reloading = done.catch(() => undefined);
    return done;
  }

  async #reload(): Promise<ReloadReport> {
    const overlay = this.#ready();
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
    this.#releasing ??= (async () => {
      for (const release of this.#releases.splice(0).reverse()) {
        try {
          await release();
        } catch (error) {
          this.#options.log.error({ err: error }, error instanceof Error ? error.message : String(error));
        }
      }
    })();
    return this.#releasing;
  }

  #ready(): Overlay {
    if (!this.#overlay) throw new PodwireError('NO_AGENT', 'podwire is starting: ask again in a moment');
    return this.#overlay;
  }
}
