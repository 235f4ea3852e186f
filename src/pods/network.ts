/**
 * The pods of a node: attached, taken off, checked, and kept over a restart. What is decided is pure (pod-table.ts, attach/,
 * guard.ts, nat.ts); this puts it in order, so that at every moment a kill leaves what the next life takes back:
 * remember → make → guard → remember that it is whole → answer.
 */
import { BRIDGE } from '../control/desired-host.js';
import type { EventLog } from '../control/membership/events.js';
import type { PodAudit, PodFinding, PodStatus } from '../control/node-api.js';
import type { Prefix } from '../wire/address.js';
import { messageOf, PodwireError } from '../wire/error.js';
import { addressesOf } from './attach/parts.js';
import { announceOnBridge } from './attach/routed.js';
import type { Choice, PodNode, PodPlan } from './attachment.js';
import { ATTACHMENT } from './attachments.js';
import { auditProblems } from './audit.js';
import { CNI, type CniCode, CniError } from './cni/error.js';
import type { AttachmentWords, NetworkConfig, StaleConfig } from './cni/request.js';
import type { CniResult } from './cni/result.js';
import { deviceName, macOfDevice } from './device-name.js';
import { guardText, unguardText } from './guard.js';
import { guardOf, guardsOfAll } from './guard-reading.js';
import type { Reading } from './journal.js';
import type { PodKernel } from './kernel.js';
import {
  addressesIn,
  allOf,
  factsOf,
  leaving,
  nameOf,
  newRecord,
  podMtu,
  sharedBy,
  staysTaken,
  unreachables,
} from './network-parts.js';
import { type OwnPort, refuseOwnPorts, refuseTakenPorts } from './own-ports.js';
import { PodFilters } from './pod-filters.js';
import { refuseNoNamespace, refuseTakenDevice, refuseTakenName } from './pod-place.js';
import { podProblems } from './pod-problems.js';
import { type PodRecord, podKey, podStatus } from './pod-record.js';
import type { PodStore } from './pod-store.js';
import { PodTable } from './pod-table.js';
import { compare, replay } from './recovery.js';
import { NO_ROUTES, RouteFollower } from './route-follower.js';
import { refuseDuplicates, refuseSwallowedMac } from './shared-network.js';
import { Turns } from './turns.js';
import { directRoutes, type RoutedPeer } from './underlay-routes.js';

/** Pods that are worked on at a time: each takes a few processes. */
const AT_A_TIME = 8;
/** Lines of the journal for each pod at most, before it is written anew. */
const LINES_A_POD = 8;
const LEAST_LINES = 4096;

/** `ip`'s words for "that is not there (any more)". */
const GONE =
  /No such process|No such device|Cannot find device|Cannot assign requested address|No such file|not found/i;

/** What could not be removed, in the kernel's words. */
interface Left {
  readonly device: readonly string[];
  /** Those against forged addresses: in nobody's way. */
  readonly rules: readonly string[];
}

export interface PodNetworkOptions {
  readonly kernel: PodKernel;
  readonly store: PodStore;
  readonly events: EventLog;
  readonly clusterCidr: readonly Prefix[];
  /** Name of the TUN device. */
  readonly tun: string;
  readonly ownPorts: readonly OwnPort[];
  /** ms since 1970. */
  readonly now: () => number;
}

export class PodNetwork {
  /** Behind one device one is taken off after the other: each time what leads to the others is made anew. */
  readonly #devices = new Turns(Number.POSITIVE_INFINITY);
  readonly #options: PodNetworkOptions;
  readonly #reading: Reading;
  readonly #routes: RouteFollower;
  readonly #table = new PodTable();
  readonly #filters: PodFilters;
  readonly #turns = new Turns(AT_A_TIME);
  #node: PodNode | undefined;
  /** Also while it holds none. */
  #lastHeld: readonly Prefix[] = [];
  /** What all pods of an attachment share is there, or being made. */
  readonly #prepared = new Map<string, Promise<void>>();
  #peers: readonly RoutedPeer[] = [];
  /** What the last audit found and left: it is told once. */
  #found: ReadonlySet<string> = new Set();
  /** Resolves with why it cannot be; undefined: not yet tried, or to be tried again. */
  #takenUp: Promise<string | undefined> | undefined;
  #closed = false;

  private constructor(options: PodNetworkOptions, reading: Reading) {
    this.#options = options;
    this.#reading = reading;
    const { kernel, clusterCidr, tun } = options;
    this.#routes = new RouteFollower(kernel, tun);
    this.#filters = new PodFilters(kernel, this.#table, clusterCidr, tun);
  }

  /**
   * Takes up what an earlier life left: whole pods stay, half-made ones are taken back.
   * @param reading of the journal; one that is damaged is completed from the devices that are there
   */
  static async start(options: PodNetworkOptions, reading: Reading): Promise<PodNetwork> {
    const { store, events, now } = options;
    const network = new PodNetwork(options, reading);
    // Before all that may fail: what is remembered is not given out again.
    for (const text of replay(network.#table, reading, store.boot, now())) events.tell('pods-recovered', text);
    const why = await network.#takeUp();
    if (why !== undefined) events.tell('pods-failed', why);
    return network;
  }

  /** Once; where it failed, whoever needs it tries again. @returns why it cannot be; undefined: it is */
  #takeUp(): Promise<string | undefined> {
    this.#takenUp ??= this.#recover().then(
      () => undefined,
      (error) => {
        this.#takenUp = undefined;
        return `what an earlier life left is not taken up: ${messageOf(error)}`;
      },
    );
    return this.#takenUp;
  }

  async #recover(): Promise<void> {
    const { kernel, store, events, now } = this.#options;
    const links = await kernel.links();
    const { halfMade, unknown, words } = compare(this.#table, this.#reading, links);
    for (const text of words) events.tell('pods-recovered', text);
    for (const record of halfMade) {
      const { device } = await this.#takeBack(record, this.#planOf(record));
      if (device.length === 0) this.#table.gone(podKey(record), now());
      else events.tell('pods-failed', staysTaken(record, device));
    }
    await kernel.nodeForced(unknown.map((device) => `link del dev ${device}`));
    const left = this.#reading.entries.length > 0 || links.some(({ name }) => name.startsWith('pw'));
    if (left) await this.#filters.renewAll();
    store.replace(this.#table.entries(store.boot));
    if (this.#node) await this.#bringBack(this.#node);
  }

  /** A node whose pods are in trouble still carries traffic: it is told, and ADD will say it again. */
  async #orTell(work: Promise<unknown>): Promise<void> {
    await work.catch((error) => this.#options.events.tell('pods-failed', messageOf(error)));
  }

  /** The node carries traffic for these subnets. */
  async hold(subnets: readonly Prefix[], mtu: number): Promise<void> {
    this.#table.setSubnets(subnets);
    const node = this.#nodeWith(subnets, mtu);
    this.#node = node;
    this.#prepared.clear();
    await this.#orTell(this.#options.kernel.nodeForced(leaving(this.#lastHeld, subnets)));
    this.#lastHeld = subnets;
    await this.#orTell(this.#routes.find());
    await this.#bringBack(node);
  }

  /** What pods share and what leads to them, where it went since they were made. */
  async #bringBack(node: PodNode): Promise<void> {
    const records = this.#table.records();
    const sharing = new Map(records.map((record) => [sharedBy(record), record]));
    for (const record of sharing.values()) await this.#orTell(this.#prepare(record, node));
    await this.#orTell(this.#renew(records));
    if (records.some(({ underlay }) => underlay)) await this.#orTell(this.#filters.renewMacvlan());
  }

  /** Brings back what went with an address or a device of the node. */
  async #renew(records: readonly PodRecord[]): Promise<void> {
    const node = this.#node;
    const lines = node ? records.flatMap((record) => ATTACHMENT[record.attach].renew(record, node)) : [];
    await this.#options.kernel.nodeForced(lines);
  }

  #nodeWith(subnets: readonly Prefix[], mtu: number): PodNode {
    const { tun, clusterCidr, kernel } = this.#options;
    return { tun, mtu, mac: macOfDevice(tun), subnets, clusterCidr, namespace: kernel.ownNamespace };
  }

  /** What was made, also where the node has no subnet now. */
  #planOf(record: PodRecord): PodPlan {
    return ATTACHMENT[record.attach].plan(record, this.#node ?? this.#nodeWith([], record.mtu));
  }

  /** The node has no device until it holds subnets again: pods stay, their ways through the tunnel go. */
  async letGo(): Promise<void> {
    if (!this.#node) await this.#routes.find();
    this.#node = undefined;
    await this.#routes.follow(NO_ROUTES);
  }

  /** Pods reach these nodes' underlay addresses through the tunnel, and macvlan pods those nodes' pods without it. */
  follow(peers: readonly RoutedPeer[]): Promise<void> {
    this.#peers = peers;
    return this.#followPeers();
  }

  #followPeers(): Promise<void> {
    const node = this.#node;
    if (!node) return Promise.resolve();
    const beside = new Map(
      this.#table.records().flatMap(({ device, underlay }) => (underlay ? [[device, underlay]] : [])),
    );
    return this.#routes.follow({
      subnets: node.subnets,
      peers: this.#peers.flatMap(({ underlays }) => underlays),
      siblings: [...beside.keys()],
      direct: directRoutes([...beside.values()], this.#peers, node),
    });
  }

  /** When what is being done is done; takes away what pods share, if there are none. */
  async close(): Promise<void> {
    const { kernel } = this.#options;
    if (this.#closed) return;
    this.#closed = true;
    await this.#turns.rest();
    // Devices may lead to pods that nobody knows of yet.
    const known = this.#takenUp !== undefined && (await this.#takenUp) === undefined;
    try {
      if (known && this.#table.size === 0) await this.#removeShared();
    } finally {
      kernel.close();
    }
  }

  async #removeShared(): Promise<void> {
    const { kernel } = this.#options;
    const siblings = await this.#filters.remove();
    await kernel.nodeForced([
      `link del dev ${BRIDGE}`,
      ...siblings.map((name) => `link del dev ${name}`),
      ...unreachables(this.#options.clusterCidr).map((route) => `route del ${route}`),
    ]);
  }

  /** @throws CniError UNAVAILABLE: no pod can be attached now */
  async status(): Promise<void> {
    this.#refuseIfClosed(CNI.UNAVAILABLE);
    if (!this.#node) throw new CniError(CNI.UNAVAILABLE, 'this node has no subnet yet: podwire status says why');
    // A runtime that hears of this adds nothing: nobody else would try again.
    const why = await this.#takeUp();
    if (why !== undefined) throw new CniError(CNI.UNAVAILABLE, why);
  }

  records(): readonly PodRecord[] {
    return this.#table.records();
  }

  /** The pods, and what was counted at their devices. */
  async statuses(): Promise<PodStatus[]> {
    const records = this.#table.records();
    const traffic = records.length > 0 ? await this.#options.kernel.traffic() : undefined;
    return records.map((record) => podStatus(record, record.underlay ? undefined : traffic?.get(record.device)));
  }

  /** Another life may have taken up the pods: what is done here it would not know of. */
  #refuseIfClosed(code: CniCode = CNI.TRY_AGAIN): void {
    if (this.#closed)
      throw new CniError(code, 'podwire ends, or hands over: try again in a moment; nothing was changed');
  }

  async add(network: NetworkConfig, words: AttachmentWords): Promise<CniResult> {
    this.#refuseIfClosed();
    return this.#turns.take(podKey(words), () => this.#add(network, words));
  }

  async #add(network: NetworkConfig, words: AttachmentWords): Promise<CniResult> {
    const { kernel, store, events, now, ownPorts } = this.#options;
    const node = this.#node;
    if (!node)
      throw new CniError(CNI.TRY_AGAIN, 'this node has no subnet yet: podwire status says why; nothing was changed');
    const why = await this.#takeUp();
    if (why !== undefined) throw new CniError(CNI.TRY_AGAIN, `${why}; nothing was changed`);
    const key = podKey(words);
    if (this.#table.pod(key)) {
      throw new CniError(
        CNI.EXISTS,
        `container ${words.containerId} has an interface ${words.ifname} already: DEL comes before another ADD; nothing was changed`,
      );
    }
    const netns = words.netns ?? '';
    refuseOwnPorts(network.ports, ownPorts);
    await refuseNoNamespace(kernel, netns);
    const choice = ATTACHMENT[network.attach].choose?.(network, await kernel.links());
    if (typeof choice === 'string') throw new CniError(CNI.NOT_HERE, `${choice}; nothing was changed`);
    if (choice?.origin !== undefined) await refuseTakenName(kernel, netns, words.ifname);
    // From here to where it is remembered nobody else has a turn.
    refuseTakenDevice(this.#table.records(), choice);
    refuseTakenPorts(network.ports, this.#table.records());
    const record = this.#allocate(network, words, node, choice);
    let durable: Promise<void>;
    try {
      durable = store.append([this.#table.making(record)]).durable;
    } catch (error) {
      this.#table.gone(key, now());
      throw new CniError(CNI.IO, `${messageOf(error)}; nothing was changed`);
    }
    const plan = ATTACHMENT[record.attach].plan(record, node);
    try {
      await allOf([durable, this.#make(record, plan, node, network.ips.length > 0)]);
      store.append([this.#table.whole(key)]);
    } catch (error) {
      await this.#giveUp(record, plan, error);
    }
    this.#compact();
    events.tell(
      'pod-attached',
      `${nameOf(record)} has ${record.addresses.join(', ')}, by ${record.attach}`,
      factsOf(record),
    );
    return plan.result;
  }

  #allocate(network: NetworkConfig, words: AttachmentWords, node: PodNode, choice: Choice | undefined): PodRecord {
    const now = this.#options.now();
    const mtu = podMtu(network, node, choice);
    const addresses = this.#table.allocate(podKey(words), network.ips, now, choice?.range, mtu);
    if ('why' in addresses) {
      throw new CniError(
        addresses.why === 'cooling' ? CNI.TRY_AGAIN : CNI.NO_ADDRESS,
        `${addresses.words}; nothing was changed`,
      );
    }
    return newRecord(network, words, node, choice, addresses, now);
  }

  /** @param wanted its addresses are those that the runtime asked for */
  async #make(record: PodRecord, plan: PodPlan, node: PodNode, wanted: boolean): Promise<void> {
    const { kernel, events } = this.#options;
    await this.#prepare(record, node);
    await kernel.node(plan.node);
    if (plan.join) {
      await allOf([this.#filters.renewMacvlan(), this.#followPeers()]);
      await kernel.pod(record.netns, plan.join.sysctls, plan.join.lines);
      await refuseDuplicates(kernel, record, wanted);
    }
    await allOf([
      kernel.pod(record.netns, plan.podSysctls, plan.pod),
      plan.guarded && kernel.filter(guardText(plan.guarded, record.mac, addressesIn(record))),
      this.#filters.concernsNat(record) && this.#filters.renewNat(),
      record.attach !== 'bridge' && this.#prepared.has('bridge') && this.#announce([record], node),
    ]);
    if (plan.join && !(await refuseSwallowedMac(kernel, record))) {
      events.tell(
        'macvlan-unproven',
        `whether the network behind ${record.underlay?.parent} lets ${record.mac} through is not known: no gateway answers`,
      );
    }
  }

  /** What a failed ADD made is undone, its addresses given back unless something still leads there. */
  async #giveUp(record: PodRecord, plan: PodPlan, error: unknown): Promise<never> {
    // Perhaps somebody removed the bridge.
    this.#prepared.delete(sharedBy(record));
    const { device, rules } = await this.#takeBack(record, plan).catch((second) => ({
      device: [messageOf(second)],
      rules: [],
    }));
    const left = [...rules];
    if (device.length === 0) {
      this.#forget(record);
      await this.#renewTables(record).catch((second) => left.push(messageOf(second)));
    }
    const undone =
      left.length === 0 ? 'what was made is taken back' : `of what was made this is left: ${left.join('; ')}`;
    const state = device.length === 0 ? undone : staysTaken(record, [...device, ...left]);
    const exists = /File exists/.test(messageOf(error));
    const code = exists ? CNI.EXISTS : error instanceof CniError ? error.code : CNI.IO;
    throw new CniError(code, `${messageOf(error)}; ${state}`);
  }

  /** Takes the pod off. Nothing happens where there is none. */
  async del(words: AttachmentWords): Promise<void> {
    this.#refuseIfClosed();
    return this.#turns.take(podKey(words), () => this.#del(words));
  }

  async #del(words: AttachmentWords): Promise<void> {
    const { kernel, events } = this.#options;
    const key = podKey(words);
    const pod = this.#table.pod(key);
    if (!pod) {
      await kernel.nodeForced([`link del dev ${deviceName(key)}`]);
      return;
    }
    const { record } = pod;
    const { device, rules } = await this.#takeBack(record, this.#planOf(record));
    const left = [...device, ...rules];
    if (left.length > 0) throw new CniError(CNI.KERNEL, staysTaken(record, left));
    this.#forget(record);
    await this.#renewTables(record);
    events.tell(
      'pod-gone',
      `${nameOf(record)} is gone, ${record.addresses.join(', ')} may be given out again`,
      factsOf(record),
    );
    this.#compact();
  }

  #takeBack(record: PodRecord, plan: PodPlan): Promise<Left> {
    return this.#devices.take(record.device, () => this.#takeBackNow(record, plan));
  }

  async #takeBackNow(record: PodRecord, plan: PodPlan): Promise<Left> {
    const { kernel } = this.#options;
    if (plan.undoPod.length > 0 && (await kernel.namespace(record.netns)) === 'there') {
      await kernel.podForced(record.netns, plan.undoPod);
    }
    // Others may be behind the same device.
    const key = podKey(record);
    const others = () => this.#table.records().filter((one) => one.device === record.device && podKey(one) !== key);
    const [failures, rules] = await Promise.all([
      kernel.nodeForced(plan.undoNode),
      record.underlay || others().some(({ shared }) => !shared)
        ? []
        : kernel.filter(unguardText(record.device)).then(
            () => [],
            (error) => [messageOf(error)],
          ),
    ]);
    await this.#renew(others());
    return { device: failures.filter((reason) => !GONE.test(reason)), rules };
  }

  /** A disk that is full keeps nobody from being taken off: the next life finds that the pod is not there. */
  #forget(record: PodRecord): void {
    const { store, events, now } = this.#options;
    const entry = this.#table.gone(podKey(record), now());
    try {
      store.append([entry]).durable.catch(() => undefined);
    } catch (error) {
      events.tell('pod-store-failed', `that ${nameOf(record)} is gone could not be written down: ${messageOf(error)}`);
    }
  }

  /** @throws CniError NOT_AS_MADE: something of the pod is missing, in words */
  async check(network: NetworkConfig, words: AttachmentWords): Promise<void> {
    this.#refuseIfClosed();
    return this.#turns.take(podKey(words), async () => {
      const pod = this.#table.pod(podKey(words));
      const { kernel } = this.#options;
      if (!this.#node) throw new CniError(CNI.TRY_AGAIN, 'this node has no subnet now: podwire status says why');
      if (!pod)
        throw new CniError(
          CNI.NOT_AS_MADE,
          `container ${words.containerId} has no interface ${words.ifname} of podwire`,
        );
      const { record } = pod;
      const plan = ATTACHMENT[record.attach].plan(record, this.#node);
      const [links, inside, guard] = await Promise.all([
        kernel.links(record.device),
        kernel.interface(words.netns ?? record.netns, record.ifname),
        guardOf(kernel, plan),
      ]);
      const [problem] = podProblems({ record, plan, links, inside, guard, previous: network.previous });
      if (problem) throw new CniError(CNI.NOT_AS_MADE, problem);
    });
  }

  /**
   * Takes off those pods of a network that the runtime does not know.
   * @throws CniError: of the first that could not be; the others are gone
   */
  async gc({ name, valid }: Pick<StaleConfig, 'name' | 'valid'>): Promise<void> {
    this.#refuseIfClosed();
    const known = new Set(valid.map(({ containerID, ifname }) => podKey({ containerId: containerID, ifname })));
    const stale = this.#table.records().filter((record) => record.network === name && !known.has(podKey(record)));
    const outcomes = await Promise.allSettled(stale.map((record) => this.del(record)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /**
   * What is remembered against what is there.
   * @param repair puts in order what is podwire's
   * @throws PodwireError REFUSED: which devices lead to pods is not known
   */
  async audit(repair: boolean): Promise<PodAudit> {
    const { kernel, events } = this.#options;
    this.#refuseIfClosed();
    const why = await this.#takeUp();
    if (why !== undefined) throw new PodwireError('REFUSED', `${why}; nothing was changed`);
    const records = this.#table.records();
    const [links, guard, spaces] = await Promise.all([
      kernel.links(),
      guardsOfAll(kernel),
      Promise.all(records.map(({ netns }) => (netns === '' ? 'there' : kernel.namespace(netns)))),
    ]);
    const withoutNamespace = new Set(records.filter((_, i) => spaces[i] === 'missing').map(podKey));
    const problems = auditProblems({ table: this.#table, links, withoutNamespace, guard });
    const findings: PodFinding[] = [];
    for (const problem of problems) {
      const mended = repair && problem.kind !== 'foreign';
      if (mended && problem.kind === 'stale') await this.del(problem.record);
      if (mended && problem.kind === 'unknown') await kernel.nodeForced([`link del dev ${problem.device}`]);
      findings.push({ kind: problem.kind, words: problem.words, repaired: mended });
      const facts = problem.kind === 'stale' ? factsOf(problem.record) : {};
      if (mended) events.tell('pod-audit', `found and mended: ${problem.words}`, facts);
      else if (!this.#found.has(problem.words)) events.tell('pod-audit', `found: ${problem.words}`, facts);
    }
    this.#found = new Set(findings.filter(({ repaired }) => !repaired).map(({ words }) => words));
    if (findings.some(({ kind, repaired }) => repaired && kind === 'guard')) await this.#filters.renewAll();
    return { pods: this.#table.size, findings };
  }

  async #prepare(record: PodRecord, node: PodNode): Promise<void> {
    const key = sharedBy(record);
    const before = this.#prepared.get(key);
    if (before) return before;
    const done = this.#prepareNow(record, node);
    this.#prepared.set(key, done);
    done.catch(() => this.#prepared.delete(key));
    return done;
  }

  async #prepareNow(record: PodRecord, node: PodNode): Promise<void> {
    const { kernel } = this.#options;
    const { make, sysctls, lines } = ATTACHMENT[record.attach].prepare(node, record);
    if (make.length > 0) await kernel.nodeForced(make);
    await kernel.settings(sysctls);
    if (lines.length > 0) await kernel.node(lines);
    await kernel.nodeForced(unreachables(node.clusterCidr).map((route) => `route replace ${route}`));
    if (record.attach === 'bridge') await this.#announce(this.#table.records(), node);
  }

  async #announce(records: readonly PodRecord[], node: PodNode): Promise<void> {
    const beside = records.filter(({ attach }) => attach !== 'bridge' && attach !== 'macvlan');
    const lines = beside.flatMap((record) => announceOnBridge(addressesOf(record, node)).make);
    if (lines.length > 0) await this.#options.kernel.nodeForced(lines);
  }

  /** The tables that are made of all pods, once one is gone. */
  async #renewTables(record: PodRecord): Promise<void> {
    await allOf([
      this.#filters.concernsNat(record) && this.#filters.renewNat(),
      ...(record.underlay ? [this.#filters.renewMacvlan(), this.#followPeers()] : []),
    ]);
  }

  #compact(): void {
    const { store, events } = this.#options;
    if (store.lines < Math.max(LEAST_LINES, LINES_A_POD * this.#table.size)) return;
    try {
      store.replace(this.#table.entries(store.boot));
    } catch (error) {
      events.tell('pod-store-failed', messageOf(error));
    }
  }
}
