/**
 * The node agent: the one place that sees everything and puts it together. Reads as a life does: it is fit or refuses,
 * finds its cluster and its subnet there (or has both from its configuration), carries traffic, follows its peers, and
 * gives everything back. What it answers meanwhile is in src/agent-report.ts.
 */
import { type AgentParts, known, ReportingAgent } from './agent-report.js';
import { ApiServer } from './api/server.js';
import { Carrier, releaseAll } from './carrier.js';
import { Cluster } from './cluster.js';
import type { Agent, AgentOptions } from './control/agent-types.js';
import { checkNode, fatalProblems, problemText, tellableProblems } from './control/check.js';
import { gossips, type NodeConfig, type PeerConfig } from './control/config/node-config.js';
import { assertReloadable } from './control/config/reloadable.js';
import { carriedSubnets } from './control/desired-host.js';
import { desiredPeers, type LeftNode, NO_SUBNET } from './control/desired-peers.js';
import { EventLog } from './control/membership/events.js';
import { type CounterReading, isAlarming, type ReloadReport } from './control/node-api.js';
import { addReadings } from './core/counters.js';
import type { Claim } from './core/ipam/claim.js';
import { hasAddress, type Underlay } from './core/underlay.js';
import { type Peer, type PeerDifference, underlays } from './dataplane/peers.js';
import { askForHandover, refuseUnderPods, restartBy, type Successor, successorOf } from './handover.js';
import { gatherFacts } from './os/facts.js';
import type { Firewall } from './os/firewall.js';
import { ForwardWatch } from './os/forward-watch.js';
import { HostNetwork } from './os/host-network.js';
import { IcmpEar } from './os/icmp-ear.js';
import { GIVE_WAY, KEEP_FOR, Keeper } from './os/keeper.js';
import { loadNative, type Native } from './os/native.js';
import { setNice } from './os/nice.js';
import { endProcess, type ProcessId } from './os/processes.js';
import { ServiceManager } from './os/service-manager.js';
import { startPods } from './os/start-pods.js';
import { loadOrMakeMac, makeStateDir } from './os/state-dir.js';
import { StateLock } from './os/state-lock.js';
import { takeAway } from './os/take-away.js';
import { withoutEar } from './path-mtus.js';
import { onNode } from './pods/attachments.js';
import type { PodNetwork } from './pods/network.js';
import { ownPorts } from './pods/own-ports.js';
import { UnderlayWatch } from './underlay-watch.js';
import { PodwireError } from './wire/error.js';
import type { SignedStatement } from './wire/gossip/statement.js';

/** How long a former agent may take to end when its successor carries, ms. */
const FORMER_PATIENCE = 3_000;

export function createAgent(options: AgentOptions): Agent {
  return new NodeAgent(options);
}

class NodeAgent extends ReportingAgent implements Agent {
  readonly stopped: Promise<number>;
  readonly #options: AgentOptions;
  readonly #events = new EventLog(() => Date.now());
  #config: NodeConfig;
  #native: Native | undefined;
  #service: ServiceManager | undefined;
  #host: HostNetwork | undefined;
  #keeper: Keeper | undefined;
  #lock: StateLock | undefined;
  #api: ApiServer | undefined;
  #ear: IcmpEar | undefined;
  #mac: Uint8Array = new Uint8Array(6);
  readonly #underlay: UnderlayWatch;
  #cluster: Cluster | undefined;
  /** The subnets that are ours, as soon and as long as they are. */
  #claim: Claim | undefined;
  #carrier: Carrier | undefined;
  /** What carriers counted that are no more. */
  #counted: CounterReading | undefined;
  #pods: PodNetwork | undefined;
  #firewallAtStart: Firewall | undefined;
  /** Others who carry traffic, as gossip tells. */
  #members: readonly SignedStatement[] = [];
  /** Nodes that get no traffic, and why: what was said already. */
  #left = new Map<string, LeftNode>();
  /** Carriers are started and stopped one after the other. */
  #carrying: Promise<void> = Promise.resolve();
  #reloading: Promise<unknown> = Promise.resolve();
  #turning: NodeJS.Immediate | undefined;
  #resolveStopped: (code: number) => void = () => {};
  /** Until it has carried something: what ends `start`. */
  #firstCarried: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  /** How to give back what was taken, in the order of taking. */
  readonly #releases: (() => unknown)[] = [];
  #releasing: Promise<void> | undefined;
  #givesBack = false;
  /** What was made is left to another agent. */
  #leavesAll = false;
  /** The agent in whose place this one comes, until it carries. */
  #former: ProcessId | undefined;
  /** To whom all but the traffic was handed over. */
  #successor: Successor | undefined;

  constructor(options: AgentOptions) {
    super();
    this.#options = options;
    this.#config = options.config;
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
    this.#underlay = new UnderlayWatch({
      configured: options.config.underlay,
      join: () => this.#config.join,
      events: this.#events,
      onChange: () => this.#moveTo(this.#underlay.current),
      onFailure: (error) => options.log.warn({ err: error }, String(error)),
    });
    this.#events.onEvent(({ at: _, kind, message, ...facts }) =>
      options.log[isAlarming(kind) ? 'warn' : 'info']({ kind, ...facts }, message),
    );
  }

  async start(): Promise<boolean> {
    const carried = new Promise<void>((resolve, reject) => {
      this.#firstCarried = { resolve, reject };
    });
    carried.catch(() => undefined);
    try {
      await this.#prepare();
      if (!this.#releasing) await this.#takePart();
      const carries = await Promise.race([carried.then(() => true), this.stopped.then(() => false)]);
      if (!carries) return false;
      await this.#dismissFormer();
      if (this.#releasing) return false;
      this.#service?.ready();
      return true;
    } catch (error) {
      if (this.#releasing) return false;
      await this.release();
      throw error;
    }
  }

  /** What every node needs, whatever its subnet will be. */
  async #prepare(): Promise<void> {
    const { log } = this.#options;
    const { stateDir, node, device } = this.#config;
    this.#native = loadNative();
    this.#service = new ServiceManager(this.#native.system);
    if (this.#native.slower) log.warn({ native: this.#native.kind }, this.#native.slower);
    this.#takePriority();
    await this.#underlay.find(this.#service.present);
    if (this.#releasing) return;
    await this.#refuseIfUnfit();

    await makeStateDir(stateDir);
    const { takesOver = false } = this.#options;
    this.#keeper = new Keeper({ system: this.#native.system, stateDir, device, takesOver });
    if (takesOver) await this.#takeOver(this.#keeper);
    this.#host = new HostNetwork({ stateDir, device });
    await this.#listen();
    this.#listenToIcmp();
    this.#mac = await loadOrMakeMac(stateDir, node);
    if (!(await this.#keeper.keeps())) await this.#removeOldTraces();
    await this.#takeUpPods();
    this.#watchForwarding();
  }

  /** All but the traffic is free then; it stays with the one that runs until this one carries it. */
  async #takeOver(keeper: Keeper): Promise<void> {
    this.#former = await askForHandover(this.#config.socket, keeper);
    this.#leavesAll = this.#former !== undefined;
  }

  async #dismissFormer(): Promise<void> {
    const former = this.#former;
    this.#former = undefined;
    if (former && !(await endProcess(former, GIVE_WAY, FORMER_PATIENCE)))
      this.#options.log.warn(
        { pid: former.pid },
        'the former podwire does not end, and carries traffic beside this one',
      );
  }

  async #listen(): Promise<void> {
    const lock = StateLock.take(known(this.#native).system, this.#config.stateDir);
    this.#lock = lock;
    this.#releases.push(() => lock.release());
    const api = new ApiServer(this, this.#config.socket);
    await api.listen();
    this.#api = api;
    this.#releases.push(() => api.close());
  }

  async #removeOldTraces(): Promise<void> {
    for (const line of await known(this.#host).recover()) {
      this.#options.log.info({ removed: line }, 'removed what an earlier run left');
    }
  }

  async #takeUpPods(): Promise<void> {
    const pods = await startPods(this.#config, this.#events, ownPorts(this.#config));
    this.#pods = pods;
    this.#releases.push(() => pods.close());
  }

  /** What others' packet filters do to pods. */
  #watchForwarding(): void {
    const watch = new ForwardWatch(this.#events, () => {
      if (!this.#pods || !this.#claim) return undefined;
      const config = { ...this.#config, underlay: this.#underlay.current, podCidr: this.#claim.podCidr };
      return { config, pods: this.#pods.records().map(onNode), before: this.#firewallAtStart };
    });
    this.#releases.push(this.#events.onEvent(({ kind }) => kind === 'pod-attached' && watch.podCame()));
    this.#releases.push(() => watch.close());
  }

  /** Before there are worker threads, which have what their maker has, and before capabilities are dropped. */
  #takePriority(): void {
    const { nice } = this.#config;
    const refused = setNice(nice);
    if (refused) this.#options.log.info({ nice }, `has not all of the priority that it asks for: ${refused}`);
  }

  /** Once in a life: the capability that it needs is dropped with the first carrier. */
  #listenToIcmp(): void {
    try {
      const ear = IcmpEar.open();
      this.#ear = ear;
      this.#releases.push(() => ear.close());
    } catch (error) {
      this.#options.log.info({}, withoutEar(error));
    }
  }

  /** Before anything is changed. */
  async #refuseIfUnfit(): Promise<void> {
    const config = { ...this.#config, underlay: this.#config.underlay ?? this.#underlay.current };
    // Nodes to join are asked when this one joins: whether they answer is no reason to refuse, or to wait.
    const facts = await gatherFacts(config, false);
    this.#firewallAtStart = facts.firewall;
    const findings = checkNode(config, facts);
    const problems = fatalProblems(findings);
    if (problems.length > 0) throw new PodwireError('MACHINE', problems.map(problemText).join('\n'));
    for (const finding of tellableProblems(findings))
      this.#options.log.warn({ subject: finding.subject }, problemText(finding));
  }

  /** With gossip the subnet is the cluster's to grant; without it is what the configuration says. */
  async #takePart(): Promise<void> {
    this.#releases.push(() => this.#stopCarrying());
    if (!gossips(this.#config)) {
      this.#hold({ podCidr: this.#config.podCidr, epoch: 0 });
      return;
    }
    this.#cluster = await Cluster.start({
      config: this.#config,
      underlay: this.#underlay.current,
      resolve: (seed) => this.#underlay.resolve(seed),
      mac: this.#mac,
      events: this.#events,
      log: this.#options.log,
      outputs: {
        hold: (claim) => this.#hold(claim),
        release: () => this.#release(),
        members: (cards) => this.#follow(cards),
        refused: (words) => this.#fail(new PodwireError('REFUSED', words)),
        sendProbe: (node, family, frame) => this.#carrier?.sendProbe(node, family, frame),
        pathTurned: () => this.#turnPaths(),
        probeArrived: (node, size) => this.#carrier?.pathMtus?.arrived(node, size),
      },
    });
    if (this.#releasing) {
      await this.#cluster.leave(false);
      return;
    }
    // Goodbye is said while packets still flow.
    this.#releases.push(() => (this.#leavesAll ? this.#cluster?.stop() : this.#cluster?.leave(this.#givesBack)));
    this.#underlay.follow(this.#cluster);
  }

  #hold(claim: Claim): void {
    this.#claim = claim;
    this.#inTurn(() => this.#startCarrier());
  }

  /** Somebody else's subnet now: nothing more is carried until there is another. */
  #release(): void {
    this.#claim = undefined;
    this.#inTurn(() => this.#stopCarrier());
  }

  #inTurn(act: () => Promise<void>): void {
    this.#carrying = this.#carrying.then(act).catch((error) => this.#fail(error));
  }

  async #startCarrier(): Promise<void> {
    await this.#stopCarrier();
    const claim = this.#claim;
    if (!claim || this.#releasing) return;
    const { podCidr } = claim;
    this.#carrier = await Carrier.start({
      config: { ...this.#config, underlay: this.#underlay.current, podCidr },
      system: known(this.#native).system,
      host: known(this.#host),
      keeper: known(this.#keeper),
      mac: this.#mac,
      peers: this.#desired(),
      log: this.#options.log,
      onLost: (error) => this.#fail(error),
      onProbe: (node, family, frame) => this.#cluster?.handleProbe(node, family, frame),
      padded: this.#cluster,
      ear: this.#ear,
    });
    this.#leavesAll = false;
    const { mtu } = this.#carrier;
    await this.#pods?.hold(carriedSubnets({ podCidr }, mtu), mtu);
    // Who came while it started.
    await this.#applyPeers();
    this.#firstCarried?.resolve();
    this.#firstCarried = undefined;
  }

  async #stopCarrier(): Promise<void> {
    const carrier = this.#carrier;
    this.#carrier = undefined;
    if (!carrier) return;
    if (!this.#leavesAll) await this.#pods?.letGo();
    await carrier.stop(this.#leavesAll);
    const counters = carrier.counters();
    this.#counted = this.#counted ? addReadings(this.#counted, counters) : counters;
  }

  async #stopCarrying(): Promise<void> {
    await this.#carrying;
    await this.#stopCarrier();
  }

  #follow(cards: readonly SignedStatement[]): void {
    this.#members = cards;
    this.#applyPeers().catch((error) => this.#options.log.error({ err: error }, String(error)));
  }

  /** However many paths have changed in one turn of the event loop. */
  #turnPaths(): void {
    this.#turning ??= setImmediate(() => {
      this.#turning = undefined;
      this.#applyPeers().catch((error) => this.#options.log.error({ err: error }, String(error)));
    });
  }

  async #applyPeers(): Promise<PeerDifference | undefined> {
    const carrier = this.#carrier;
    if (!carrier || !this.#claim) return undefined;
    const peers = this.#desired();
    const difference = await carrier.overlay.setPeers(peers);
    await this.#pods?.follow(peers.map((peer) => ({ podCidr: peer.podCidr, underlays: underlays(peer) })));
    this.#watchPaths();
    return difference;
  }

  #watchPaths(): void {
    this.#cluster?.watchPaths([...(this.#carrier?.overlay.peers() ?? [])].map(({ peer }) => peer));
    this.#carrier?.pathMtus?.watch();
  }

  /** Of configuration and gossip. */
  #desired(): readonly Peer[] {
    const { peers: configured, node, clusterCidr } = this.#config;
    const { podCidr, epoch } = known(this.#claim);
    const self: PeerConfig = { node, underlay: this.#underlay.current, podCidr, mac: this.#mac };
    const statements = this.#members.map(({ statement }) => statement);
    const avoid = (other: string) => this.#cluster?.avoided(other) ?? [];
    const { peers, left } = desiredPeers(self, epoch, clusterCidr, configured, statements, avoid);
    for (const { node: other, why, apart } of left) {
      if (why !== NO_SUBNET && this.#left.get(other)?.why !== why)
        this.#events.tell('no-traffic', apart ? why : `no traffic with ${other}: ${why}`, { node: other });
    }
    this.#left = new Map(left.map((one) => [one.node, one]));
    return peers;
  }

  /** Sockets on an address that went away do no harm: what flows over the other family is not touched. */
  async #moveTo(underlay: Underlay): Promise<void> {
    const carries = underlay.every((address) => this.#carrier && hasAddress(this.#carrier.underlay, address));
    if (!carries) this.#inTurn(() => this.#startCarrier());
    else await this.#applyPeers();
  }

  /** Reloads happen one after the other. */
  reload(): Promise<ReloadReport> {
    const done = this.#reloading.then(() => this.#reload());
    this.#reloading = done.catch(() => undefined);
    return done;
  }

  async #reload(): Promise<ReloadReport> {
    this.ready();
    const next = this.#options.readConfig();
    assertReloadable(this.#config, next);
    this.#config = next;
    this.#cluster?.setJoin(next.join);
    const difference = await this.#applyPeers();
    const { added = [], removed = [], changed = [], unchanged = 0 } = difference ?? {};
    this.#options.log.info({ added, removed, changed, unchanged }, 'peers reloaded');
    return { added, removed, changed, unchanged };
  }

  async down(): Promise<void> {
    await this.#dismissFormer();
    this.#leavesAll = false;
    await this.release();
    try {
      // What an earlier life left, if this one has not come so far as to go on with it.
      await takeAway(this.#config);
    } finally {
      this.#resolveStopped(0);
    }
  }

  async end(): Promise<void> {
    const successor = this.#successor;
    if (successor) {
      this.#successor = undefined;
      await successor.end();
      this.#leavesAll = false;
    }
    this.#leaveToNext();
    await this.#finish();
  }

  async #finish(): Promise<void> {
    await this.release();
    this.#resolveStopped(0);
  }

  #podCount(): number {
    return this.#pods?.records().length ?? 0;
  }

  /** While pods live, whoever comes next goes on with what is there. */
  #leaveToNext(): void {
    if (this.#leavesAll || !this.#carrier || !this.#keeper?.works || this.#podCount() === 0) return;
    this.#leavesAll = true;
    const words = `pods live: device and routes are kept for ${KEEP_FOR} s for the next podwire up`;
    this.#options.log.info({ pods: this.#podCount(), seconds: KEEP_FOR }, words);
  }

  async restart(): Promise<number> {
    this.#refuseIfGoing();
    return restartBy(this.#options.startSuccessor, known(this.#keeper), known(this.#service));
  }

  async giveWay(): Promise<void> {
    if (!this.#successor) return;
    try {
      this.#service?.follow(this.#successor.pid);
    } catch (error) {
      this.#options.log.warn({ err: error }, `the service manager cannot be told of the successor: ${error}`);
    }
    await this.#finish();
  }

  #refuseIfGoing(): void {
    this.ready();
    if (this.#successor || this.#releasing)
      throw new PodwireError('REFUSED', 'podwire hands over already, or ends: nothing was changed');
  }

  async handOver(pid: number): Promise<void> {
    this.#refuseIfGoing();
    const successor = successorOf(pid, known(this.#keeper), known(this.#service));
    this.#successor = successor;
    this.#leavesAll = true;
    this.#underlay.pause();
    this.#options.log.info({ pid }, 'another process takes over: this one carries traffic until that one does');
    try {
      await this.#carrying;
      await this.#cluster?.stop();
      await this.#api?.close();
      await this.#pods?.close();
      this.#lock?.release();
    } finally {
      successor.watch(() => this.#takeBack(successor).catch((error) => this.#fail(error)));
    }
  }

  /** The successor has ended before it carried anything. */
  async #takeBack(successor: Successor): Promise<void> {
    if (this.#releasing || this.#successor !== successor) return;
    this.#successor = undefined;
    this.#options.log.warn({}, 'the process that was to take over has ended: this one goes on');
    await this.#listen();
    await this.#takeUpPods();
    await this.#takePart();
  }

  async leave(force: boolean): Promise<void> {
    this.gossip();
    if (!force) refuseUnderPods(this.#pods?.records() ?? []);
    this.#givesBack = true;
    // Another may have the subnet as soon as it hears that it is free.
    this.#release();
    await this.down();
  }

  /** The node cannot go on. Before it has carried anything it is `start` that says so. */
  #fail(error: unknown): void {
    if (this.#firstCarried) {
      this.#firstCarried.reject(error);
      return;
    }
    const { code, message } = error instanceof PodwireError ? error : { code: 'INTERNAL', message: String(error) };
    this.#options.log.error({ code }, message);
    this.#leaveToNext();
    this.release().then(
      () => this.#resolveStopped(1),
      () => this.#resolveStopped(1),
    );
  }

  /** Gives everything back, last taken first; a failure is logged and does not keep the rest. */
  release(): Promise<void> {
    this.#underlay.close();
    this.#releasing ??= releaseAll(this.#releases, this.#options.log);
    return this.#releasing;
  }

  protected parts(): AgentParts {
    return {
      config: this.#config,
      events: this.#events,
      native: this.#native,
      mac: this.#mac,
      underlay: this.#underlay.current,
      cluster: this.#cluster,
      claim: this.#claim,
      carrier: this.#carrier,
      counted: this.#counted,
      pods: this.#pods,
      left: this.#left,
    };
  }
}
