/**
 * What carries a node's traffic: UDP sockets, TUN device, kernel state, forwarding table and worker threads, for one underlay
 * (an address, or one of each family) and one set of pod subnets. Taken in this order, given back in the opposite one. A
 * node whose subnet or underlay changes ends its carrier and starts another. What an earlier agent's carrier of the same
 * shape has left to the keeper is gone on with, so that no packet that waits there is lost.
 */
import type { Log } from './control/agent-types.js';
import type { ResolvedConfig } from './control/config/node-config.js';
import type { OffloadName } from './control/config/offloads.js';
import { carriedSubnets, desiredHost } from './control/desired-host.js';
import type { CounterReading, OffloadStatus } from './control/node-api.js';
import { type OffloadResult, offloadReport } from './control/offload-report.js';
import { probeAddress } from './control/probe-address.js';
import { overlayAddress } from './core/overlay-address.js';
import { addressIn, FAMILIES, type Underlay } from './core/underlay.js';
import { Overlay } from './dataplane/overlay.js';
import { type Peer, underlays } from './dataplane/peers.js';
import { INHERIT } from './dataplane/vtep.js';
import { offloadMask, TunDevice, type TunOffload } from './os/device.js';
import type { HostNetwork } from './os/host-network.js';
import type { IcmpEar } from './os/icmp-ear.js';
import { type Handed, KEEP_FOR, type Keeper } from './os/keeper.js';
import { KernelDrops } from './os/kernel-drops.js';
import { testOffloads } from './os/offload-test.js';
import { testUdpOffloads } from './os/offload-udp.js';
import { dropPrivileges, MAIN_THREAD } from './os/privileges.js';
import { ProbeSocket } from './os/probe-socket.js';
import type { SystemCalls } from './os/system-calls.js';
import { openUdpSockets, type UdpSockets } from './os/udp.js';
import { underlayFacts } from './os/underlay.js';
import { type PaddedProbes, PathMtus } from './path-mtus.js';
import { type Address, type Family, formatAddress, formatPrefix } from './wire/address.js';
import { messageOf, type PodwireError } from './wire/error.js';
import { WorkerPool } from './worker-pool.js';

/** Egress sockets of a worker: so many source ports spread its flows over the underlay. */
const SOURCE_PORTS = 8;

/** How long workers may take to read what waited for them, ms. */
const CATCH_UP = 2_000;

export interface CarrierOptions {
  readonly config: ResolvedConfig;
  readonly system: SystemCalls;
  readonly host: HostNetwork;
  readonly keeper: Keeper;
  /** This node's VTEP MAC, six bytes. */
  readonly mac: Uint8Array;
  readonly peers: readonly Peer[];
  readonly log: Log;
  /** An edge is gone, or a worker has a fault: nothing is carried any more. */
  readonly onLost: (error: PodwireError) => void;
  /** A path probe came from a peer's underlay address, unverified; from its Ethernet header on. */
  readonly onProbe: (node: string, family: Family, frame: Uint8Array) => void;
  /** Who answers padded probes, and what hears ICMP: both may be missing. */
  readonly padded: PaddedProbes | undefined;
  readonly ear: IcmpEar | undefined;
}

export class Carrier {
  readonly #options: CarrierOptions;
  /** How to give back what was taken, in the order of taking. */
  readonly #releases: (() => unknown)[] = [];
  #stopping: Promise<void> | undefined;
  /** What was made stays, for the next. */
  #leavesAll = false;
  /** Of an earlier carrier. */
  #handed: Handed | undefined;
  #overlay: Overlay | undefined;
  #kernelDrops: KernelDrops | undefined;
  /** Once workers have stopped: sockets and device are about to go. */
  #lastCounters: CounterReading | undefined;
  readonly #probes = new Map<Family, ProbeSocket>();
  #pathMtus: PathMtus | undefined;
  #mtu = 0;
  readonly #offloadResults: OffloadResult[] = [];
  #offloads: readonly OffloadStatus[] = [];

  private constructor(options: CarrierOptions) {
    this.#options = options;
  }

  /**
   * Resolves when traffic flows.
   * @throws PodwireError: nothing is carried, and what was made is taken back
   */
  static async start(options: CarrierOptions): Promise<Carrier> {
    const carrier = new Carrier(options);
    try {
      await carrier.#start();
      return carrier;
    } catch (error) {
      await carrier.stop(carrier.#handed !== undefined);
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { config, system, host, mac, peers, onLost, onProbe, padded, ear, log } = this.#options;
    const underlay = FAMILIES.flatMap((family) => addressIn(config.underlay, family) ?? []);
    // One device for all peers: what it takes must fit the family with the larger headers, and a switch of families.
    const facts = await Promise.all(underlay.map(underlayFacts));
    this.#mtu = config.mtu ?? Math.min(...facts.map(({ tunMtu }) => tunMtu));

    const shape = this.#shape(underlay);
    const handed = await this.#takeWhatIsKept(shape);
    const kept = handed && this.#openDevice(handed.queues);
    if (!handed) for (const address of underlay) await this.#testUdpOffloads(address);
    const sockets = this.#openSockets(underlay, handed?.sockets);
    for (const address of underlay) this.#openProbes(address);
    const device = kept ?? this.#openDevice();
    this.#releases.push(() => this.#leavesAll || host.remove());
    const desired = desiredHost(config, this.#mtu);
    const { txQueueLength, ...others } = desired;
    // More packets may wait in what is handed over: its queues are shortened when those have been read.
    await host.apply(handed ? others : desired);
    if (handed) this.#useTested(device);
    else await this.#testOffloads(device);
    this.#sayBroken();
    device.openQueues(config.workers);

    const [first, other] = underlay;
    const self: Peer = { node: config.node, underlay: first, otherUnderlay: other, podCidr: config.podCidr, mac };
    const { vxlan, workers } = config;
    const dscp = vxlan.dscp === 'inherit' ? INHERIT : vxlan.dscp;
    // Gossip's lists leave out single nodes that clash (src/control/desired-peers.ts): none is refused for one of them.
    const overlay = await Overlay.create({ self, vxlan, dscp, mtu: this.#mtu, workers, peersChecked: true });
    this.#overlay = overlay;
    await overlay.setPeers(peers);
    const receiving = sockets.flat().map(({ receive }) => receive);
    this.#kernelDrops = new KernelDrops(system, device.name, receiving);
    this.#releases.push(() => {
      this.#lastCounters = this.counters();
    });
    dropPrivileges(system, MAIN_THREAD);
    const pool = await WorkerPool.start({
      system,
      shared: overlay.shared,
      queues: device.queues,
      capabilities: device.capabilities,
      sockets,
      onLost,
      onProbe: (index, frame, family) => {
        const peer = overlay.peerAt(index);
        if (peer) onProbe(peer.node, family, frame);
      },
      onErrors: () => this.#pathMtus?.told(),
    });
    this.#releases.push(() => pool.stop());
    if (handed) this.#shortenQueues(txQueueLength);
    await this.#keep({ shape, offloads: this.#offloadResults, queues: device.queues, sockets: receiving });
    const watched = { sockets: sockets.flat(), probes: this.#probes };
    const pathMtus = new PathMtus({ system, overlay, vxlan, ...watched, padded, ear, log });
    this.#pathMtus = pathMtus;
    pathMtus.start();
    this.#releases.push(() => pathMtus.stop());
  }

  /** The forwarding table's side of it: peers and their counters. */
  get overlay(): Overlay {
    if (!this.#overlay) throw new TypeError('a carrier is only handed out once it has started');
    return this.#overlay;
  }

  /** Of this carrier, by its workers and by the kernel; they stand still once it has stopped. */
  counters(): CounterReading {
    return this.#lastCounters ?? { ...this.overlay.counters.total(), ...this.#kernelDrops?.read() };
  }

  /** The addresses that it has sockets on. */
  get underlay(): Underlay {
    return this.#options.config.underlay;
  }

  /** What is known of the paths; none until it has started. */
  get pathMtus(): PathMtus | undefined {
    return this.#pathMtus;
  }

  /** The device's MTU, bytes. */
  get mtu(): number {
    return this.#mtu;
  }

  /** What is left to the kernel, and what was found out about it. */
  get offloads(): readonly OffloadStatus[] {
    return this.#offloads;
  }

  /** Sends a path probe to a peer over one family; a node that is no peer gets none. @param frame a whole VXLAN frame */
  sendProbe(node: string, family: Family, frame: Uint8Array): void {
    const peer = this.overlay.peer(node);
    const to = peer && addressIn(underlays(peer), family);
    // What became of the one before is looked at now: nobody has to wake for it.
    this.#pathMtus?.glance();
    if (to) this.#probes.get(family)?.send(frame, to, this.#options.config.vxlan.port);
  }

  /**
   * Gives everything back, last taken first; a failure is logged and does not keep the rest.
   * @param leavesAll but what the keeper keeps and what was made around it: another carrier goes on with that
   */
  stop(leavesAll = false): Promise<void> {
    if (!this.#stopping) this.#leavesAll = leavesAll;
    this.#stopping ??= releaseAll(this.#releases, this.#options.log);
    return this.#stopping;
  }

  /** What a carrier is made of: where this is the same, another may go on with its descriptors. */
  #shape(underlay: Underlay): string {
    const { device, workers, vxlan, offload, podCidr, clusterCidr } = this.#options.config;
    const subnets = [...podCidr, ...clusterCidr].map(formatPrefix);
    return JSON.stringify([device, workers, underlay.map(formatAddress), vxlan.port, offload, subnets, this.#mtu]);
  }

  async #takeWhatIsKept(shape: string): Promise<Handed | undefined> {
    const { keeper, host, log } = this.#options;
    this.#releases.push(() => this.#leavesAll || keeper.end());
    this.#handed = await keeper.take(shape);
    if (this.#handed) {
      this.#note(this.#handed.offloads);
      log.info({}, 'took over the device and its queues: what waits there is sent on');
    } else {
      for (const line of await host.recover()) log.info({ removed: line }, 'removed what an earlier run left');
    }
    return this.#handed;
  }

  /** A queue that is made shorter loses what does not fit: not before the workers have read what waits. */
  #shortenQueues(length: number): void {
    const { host, log } = this.#options;
    const timer = setTimeout(() => {
      host.setQueueLength(length).catch((error) => log.warn({ err: error }, String(error)));
    }, CATCH_UP);
    this.#releases.push(() => clearTimeout(timer));
  }

  async #keep(open: Handed): Promise<void> {
    const { keeper, log } = this.#options;
    const why = await keeper.keep(open);
    if (why !== undefined) log.warn({}, `a restart will lose packets, nothing keeps the device meanwhile: ${why}`);
    else log.debug({ seconds: KEEP_FOR }, 'the device is kept if this process ends');
  }

  /** For each worker a set on each address. @param kept those that receive already */
  #openSockets(underlay: Underlay, kept: readonly number[] = []): UdpSockets[][] {
    const { system, config } = this.#options;
    const waiting = [...kept];
    this.#releases.push(() => {
      for (const fd of waiting) system.close(fd);
    });
    const offload = { udpSegment: this.#uses('udpSegment'), udpGro: this.#uses('udpGro') };
    const common = { port: config.vxlan.port, sourcePorts: SOURCE_PORTS, random: Math.random, offload };
    return Array.from({ length: config.workers }, () =>
      underlay.map((address) => {
        const opened = openUdpSockets(system, { ...common, underlay: address }, waiting[0]);
        waiting.shift();
        this.#releases.push(() => {
          for (const fd of [opened.receive, ...opened.egress]) system.close(fd);
        });
        return opened;
      }),
    );
  }

  #openProbes(address: Address): void {
    const probes = new ProbeSocket(this.#options.system, address, Math.random);
    this.#probes.set(address.family, probes);
    this.#releases.push(() => probes.close());
  }

  /** @param kept those of a device that is there */
  #openDevice(kept?: readonly number[]): TunDevice {
    const { system, config } = this.#options;
    const multiQueue = config.workers > 1;
    const device = kept
      ? new TunDevice(system, config.device, multiQueue, kept)
      : TunDevice.make(system, config.device, multiQueue);
    this.#releases.push(() => device.close());
    return device;
  }

  /** Before the sockets are opened, which are made by what it finds. */
  async #testUdpOffloads(address: Address): Promise<void> {
    const { system, config } = this.#options;
    this.#note(await testUdpOffloads(system, address, config.offload));
  }

  async #testOffloads(device: TunDevice): Promise<void> {
    const { system, config } = this.#options;
    const allowed = this.#allowed();
    device.setOffloads(offloadMask(allowed));
    const offered = allowed.filter((offload) => device.has(offload));
    const subnets = carriedSubnets(config, this.#mtu).map((subnet) => ({
      own: overlayAddress(subnet),
      remote: probeAddress(subnet, config.clusterCidr),
    }));
    for (const { own, remote } of subnets) {
      if (remote) this.#note(await testOffloads(system, device, own, remote, this.#uses('udpSegment')));
    }
    if (subnets.every(({ remote }) => remote === undefined)) this.#note(offered.map(withoutAddress));
  }

  /** Packets wait in its queues, so there is nothing to test with: what the earlier carrier found goes on. */
  #useTested(device: TunDevice): void {
    const broken = new Set(this.#offloads.filter(({ state }) => state === 'broken').map(({ offload }) => offload));
    device.setOffloads(offloadMask(this.#allowed().filter((offload) => !broken.has(offload))));
  }

  #allowed(): TunOffload[] {
    const { offload: switches } = this.#options.config;
    return (['checksum', 'tso', 'uso'] as const).filter((offload) => switches[offload] === 'auto');
  }

  #note(results: readonly OffloadResult[]): void {
    this.#offloadResults.push(...results);
    this.#offloads = offloadReport(this.#options.config.offload, this.#offloadResults);
  }

  #uses(offload: OffloadName): boolean {
    return this.#offloads.some((status) => status.offload === offload && status.used);
  }

  #sayBroken(): void {
    for (const { offload, state, reason } of this.#offloads) {
      if (state === 'broken')
        this.#options.log.warn({ offload }, `this kernel breaks ${offload}, it is off: ${reason}`);
    }
  }
}

function withoutAddress(offload: OffloadName): OffloadResult {
  return { offload, verdict: 'unknown', seen: 'the cluster has no address beside our own to test with' };
}

/** Runs releases, last first, and empties the list; what fails is logged and does not keep the rest. */
export async function releaseAll(releases: (() => unknown)[], log: Log): Promise<void> {
  for (const release of releases.splice(0).reverse()) {
    try {
      await release();
    } catch (error) {
      log.error({ err: error }, messageOf(error));
    }
  }
}
