/**
 * A node's part in its cluster, put together: identity, keyring, files, sockets, membership and the watch over the paths
 * that the data takes. Runs on the main thread.
 */
import { randomBytes } from 'node:crypto';
import type { Log } from './control/agent-types.js';
import type { Endpoint, NodeConfig, Seed } from './control/config/node-config.js';
import type { EventLog } from './control/membership/events.js';
import { keyStatuses, removeKey, useKey } from './control/membership/key-rotation.js';
import { Membership, type MembershipOutputs } from './control/membership/membership.js';
import { memberStatuses, subnetOwners } from './control/membership/views.js';
import { endpointsOf } from './control/membership/ways.js';
import type { DataPathStatus, GossipStatus, IpamStatus, KeyStatus, MemberStatus } from './control/node-api.js';
import type { DatagramSessions, SessionOutputs } from './core/channel.js';
import { FamilyPaths } from './core/family-paths.js';
import type { Identity } from './core/identity.js';
import { Verifier } from './core/identity.js';
import { type Claim, ownersOf } from './core/ipam/claim.js';
import { poolUsage } from './core/ipam/subnet-claims.js';
import { SubnetPool } from './core/ipam/subnet-pool.js';
import { deriveKey, formatKeyId, type Keyring, parseKey, parseKeyId } from './core/keyring.js';
import { OpenSessions } from './core/open-sessions.js';
import { Sessions } from './core/sessions.js';
import { LAN, type SwimProfile, WAN } from './core/swim/profile.js';
import { ALIVE, LEFT, SUSPECT } from './core/swim/types.js';
import { sharedFamilies, type Underlay } from './core/underlay.js';
import { type Peer, underlays } from './dataplane/peers.js';
import { ClaimFile } from './os/claim-file.js';
import { GossipSockets, systemClock } from './os/gossip-sockets.js';
import { loadOrMakeIdentity } from './os/identity-file.js';
import { readKeyFile, writeKeyFile } from './os/key-file.js';
import { PeersFile } from './os/peers-file.js';
import type { PaddedProbes } from './path-mtus.js';
import { type Family, formatPrefix } from './wire/address.js';
import { messageOf, PodwireError } from './wire/error.js';
import { FEATURE_ECN, FEATURE_PADDED_PROBES, FEATURE_PROBES } from './wire/gossip/statement.js';

/** Between two writes of what is remembered over a restart, ms. */
const REMEMBER_EVERY = 30_000;
/** Without a ring key probes prove nothing, but they still measure. */
const NO_KEY = new Uint8Array(32);

export interface ClusterOptions {
  readonly config: NodeConfig;
  readonly underlay: Underlay;
  /** Where a node to join is now. */
  readonly resolve: (seed: Seed) => Promise<readonly Endpoint[]>;
  /** This node's VTEP MAC, six bytes. */
  readonly mac: Uint8Array;
  readonly events: EventLog;
  readonly log: Log;
  readonly outputs: MembershipOutputs & {
    /** @param frame a whole VXLAN frame to a peer */
    sendProbe(node: string, family: Family, frame: Uint8Array): void;
    /** `avoided` says something else of a node: its traffic may take another family. Must not call back. */
    pathTurned(node: string): void;
    /** A padded probe of this size has arrived at a peer. */
    probeArrived(node: string, size: number): void;
  };
}

export class Cluster implements PaddedProbes {
  readonly #options: ClusterOptions;
  readonly #membership: Membership;
  readonly #sessions: Sessions<Endpoint> | OpenSessions<Endpoint>;
  readonly #paths: FamilyPaths;
  readonly #claimFile: ClaimFile;
  readonly #peersFile: PeersFile;
  readonly #pool: SubnetPool;
  #ring: Keyring | undefined;
  #held: Claim | undefined;
  #answerPadded: ReadonlySet<string> = new Set();
  #cancelPaths: () => void = () => {};
  #remembering: NodeJS.Timeout | undefined;
  #remembered: Promise<void> = Promise.resolve();
  #hasCompany = false;
  #stopped = false;
  /** Key changes happen one after the other. */
  #rotating: Promise<unknown> = Promise.resolve();

  private constructor(
    options: ClusterOptions,
    identity: Identity,
    ring: Keyring | undefined,
    files: { claim: ClaimFile; peers: PeersFile },
    remembered: { claim: (Claim & { absentMs: number }) | undefined; peers: readonly Endpoint[] },
  ) {
    const { config, underlay, mac, events, outputs } = options;
    this.#options = options;
    this.#ring = ring;
    this.#claimFile = files.claim;
    this.#peersFile = files.peers;
    this.#pool = new SubnetPool(config.clusterCidr, config.podPrefix);
    const verifier = new Verifier();
    const now = systemClock.now();
    const sessionOutputs: SessionOutputs<Endpoint> = {
      deliver: (plain, from) => this.#membership.deliver(plain, from),
      send: (datagram, to) => this.#membership.transmit(datagram, to),
    };
    this.#sessions = ring
      ? new Sessions(ring, (count) => randomBytes(count), sessionOutputs, now)
      : new OpenSessions(sessionOutputs);
    this.#membership = new Membership({
      facts: {
        node: config.node,
        publicKey: identity.publicKey,
        underlay,
        gossipPort: config.gossip.port,
        vxlanPort: config.vxlan.port,
        mac,
        podCidr: config.podCidr,
        epoch: 0,
        keys: ring?.ids ?? [],
        features: FEATURE_PROBES | FEATURE_ECN | FEATURE_PADDED_PROBES,
      },
      sign: (statement) => identity.sign(statement),
      verify: (card) => verifier.verify(card),
      sessions: this.#sessions satisfies DatagramSessions<Endpoint>,
      profile: profileOf(config),
      pool: this.#pool,
      ...(remembered.claim && { remembered: remembered.claim }),
      join: config.join,
      known: remembered.peers,
      resolve: options.resolve,
      transport: (local, listener) => GossipSockets.open(local, listener),
      clock: systemClock,
      random: Math.random,
      events,
      outputs: {
        ...outputs,
        hold: (claim) => {
          this.#held = claim;
          this.#remember();
          outputs.hold(claim);
        },
        release: (claim, winner) => {
          this.#held = undefined;
          outputs.release(claim, winner);
        },
        members: (cards) => {
          this.#rememberFirst();
          outputs.members(cards);
        },
      },
    });
    this.#paths = new FamilyPaths(
      { self: { node: config.node, mac }, vxlan: config.vxlan, keys: probeKeys(ring), random: Math.random },
      {
        send: (node, family, frame) => outputs.sendProbe(node, family, frame),
        turned: (node) => outputs.pathTurned(node),
        arrived: (node, size) => outputs.probeArrived(node, size),
        notify: ({ node, state, words }) => events.tell(`path-${state}`, words, { node }),
      },
    );
  }

  /**
   * Begins to gossip; joining goes on in the background.
   * @throws PodwireError CONFIG, MACHINE: a key file, a port or a state file cannot be used; nothing was changed
   */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const { config, events } = options;
    const { stateDir, clusterCidr, podPrefix, gossip } = config;
    const files = { claim: new ClaimFile(stateDir, clusterCidr, podPrefix), peers: new PeersFile(stateDir) };
    const [identity, ring, kept, peers] = await Promise.all([
      loadOrMakeIdentity(stateDir),
      gossip.keyFile === undefined ? undefined : readKeyFile(gossip.keyFile),
      files.claim.read(),
      files.peers.read(),
    ]);
    if (kept.warning !== undefined) events.tell('claim-file', kept.warning);
    const claim = kept.claim && { ...kept.claim, absentMs: Date.now() - kept.claim.seen };
    const cluster = new Cluster(options, identity, ring, files, { claim, peers });
    await cluster.#membership.start();
    cluster.#remembering = setInterval(() => cluster.#remember(), REMEMBER_EVERY);
    return cluster;
  }

  get joined(): boolean {
    return this.#membership.joined;
  }

  /** Where the others gossip. */
  endpoints(): Endpoint[] {
    return [...this.#membership.present()]
      .filter(({ card }) => card.statement.node !== this.#config.node)
      .flatMap(({ card }) => endpointsOf(card.statement));
  }

  /** Nodes to join may change while it runs. */
  setJoin(join: readonly Seed[]): void {
    this.#membership.setJoin(join);
  }

  /** @returns the addresses that could be had, one at least */
  move(underlay: Underlay): Promise<Underlay> {
    return this.#membership.move(underlay);
  }

  /** These are the peers of the forwarding table: the paths to those that answer probes are watched. */
  watchPaths(peers: readonly Peer[]): void {
    const answering = this.#nodesThat(FEATURE_PROBES);
    this.#answerPadded = this.#nodesThat(FEATURE_PROBES | FEATURE_PADDED_PROBES);
    const own = this.#membership.card.statement.underlay;
    const watched = peers
      .filter(({ node }) => answering.has(node))
      .map((peer) => {
        const { node, mac, underlay } = peer;
        // That which its traffic takes stands first.
        const others = sharedFamilies(own, underlays(peer)).filter((family) => family !== underlay.family);
        return { node, mac, families: [underlay.family, ...others] };
      });
    this.#paths.setPeers(watched, systemClock.now());
    this.#schedulePaths();
  }

  handleProbe(node: string, family: Family, frame: Uint8Array): void {
    this.#paths.handleFrame(node, family, frame, systemClock.now());
  }

  /** Families over which a node's VXLAN port does not answer. */
  avoided(node: string): Family[] {
    return this.#paths.avoided(node);
  }

  answersPadded(node: string): boolean {
    return this.#answerPadded.has(node);
  }

  askPadded(node: string, size: number, payload: number): void {
    this.#paths.askPadded(node, size, payload, systemClock.now());
  }

  pathAlive(node: string): boolean {
    return this.#paths.alive(node);
  }

  path(node: string): DataPathStatus | undefined {
    return this.#paths.reading(node);
  }

  members(): MemberStatus[] {
    const { now, wall } = systemClock;
    const wallOf = (ms: number) => wall() - (now() - ms);
    return memberStatuses(this.#membership.swim.members(), this.#options.config.node, wallOf, (node) =>
      this.path(node),
    );
  }

  ipam(): IpamStatus {
    const { clusterCidr, podPrefix } = this.#config;
    const { claims, card, swim } = this.#membership;
    const views = [...swim.members()];
    const claimants = views.map(({ card: { statement }, state }) => ({
      node: statement.node,
      claim: { podCidr: statement.podCidr, epoch: statement.epoch },
      present: state === ALIVE || state === SUSPECT,
    }));
    const { total, used, kept, free } = poolUsage(this.#pool, claimants);
    return {
      clusterCidr: clusterCidr.map(formatPrefix),
      podPrefix: clusterCidr.map(({ family }) => podPrefix[family]),
      state: claims?.state ?? 'static',
      own: card.statement.podCidr.map(formatPrefix),
      epoch: card.statement.epoch,
      total,
      used,
      kept,
      free,
      owners: subnetOwners(this.members(), ownersOf(claimants)),
    };
  }

  keys(): KeyStatus[] {
    return this.#ring ? keyStatuses(this.#ring, this.#statements()) : [];
  }

  keyAdd(text: string): Promise<KeyStatus[]> {
    return this.#rotate((ring) => {
      const key = parseKey(text.trim());
      if (!key)
        throw new PodwireError(
          'CONFIG',
          'that is no key: a key is base64 of 32 bytes, as podwire key new prints it; nothing was changed',
        );
      return ring.add(key);
    });
  }

  keyUse(id: string): Promise<KeyStatus[]> {
    return this.#rotate((ring) => useKey(ring, keyIdOf(id), this.#statements()));
  }

  keyRemove(id: string): Promise<KeyStatus[]> {
    return this.#rotate((ring) => removeKey(ring, keyIdOf(id), this.#statements()));
  }

  status(): GossipStatus {
    const { swim, counts } = this.#membership;
    const { gossip } = this.#config;
    return {
      port: gossip.port,
      sealed: this.#ring !== undefined,
      ...(this.#ring && { keyId: formatKeyId(this.#ring.first.id) }),
      members: swim.alive,
      awareness: swim.awareness,
      profile: gossip.profile,
      drops: { ...this.#sessions.counts, ...counts, ...swim.counts },
    };
  }

  /** Ends without a word: to the others it is there until they notice, and another process goes on as this node. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelTimers();
    await this.#remember();
    await this.#membership.close();
  }

  /** Says goodbye and ends. @param givesBack the subnet is free for others at once */
  async leave(givesBack: boolean): Promise<void> {
    this.#cancelTimers();
    if (!givesBack) await this.#remember();
    await this.#membership.leave(givesBack);
    if (givesBack) await this.#claimFile.delete();
  }

  #cancelTimers(): void {
    clearInterval(this.#remembering);
    this.#cancelPaths();
  }

  get #config(): NodeConfig {
    return this.#options.config;
  }

  /** Nodes that are there and have all of these features. */
  #nodesThat(features: number): ReadonlySet<string> {
    const statements = this.#statements().filter((statement) => (statement.features & features) === features);
    return new Set(statements.map(({ node }) => node));
  }

  #statements() {
    return [...this.#membership.present()].map(({ card }) => card.statement);
  }

  /** The file first: a ring that is in use and not in the file would not survive a restart. */
  #rotate(change: (ring: Keyring) => Keyring): Promise<KeyStatus[]> {
    const done = this.#rotating.then(async () => {
      const { keyFile } = this.#config.gossip;
      if (!this.#ring || keyFile === undefined || this.#sessions instanceof OpenSessions) {
        throw new PodwireError('CONFIG', 'gossip is insecure, it has no keys: set gossip.keyFile; nothing was changed');
      }
      const ring = change(this.#ring);
      await writeKeyFile(keyFile, ring);
      this.#ring = ring;
      this.#sessions.setRing(ring);
      this.#paths.setKeys(probeKeys(ring));
      this.#membership.change({ keys: ring.ids });
      this.#options.events.tell('keyring', `the keyring is ${ring.ids.map(formatKeyId).join(', ')}, the first seals`);
      return this.keys();
    });
    this.#rotating = done.catch(() => undefined);
    return done;
  }

  /** The first that are seen at once: a founder who is killed soon has nobody else to ask, and would stay alone. */
  #rememberFirst(): void {
    if (this.#hasCompany || this.#others().length === 0) return;
    this.#hasCompany = true;
    void this.#remember();
  }

  /** One after the other: two writes of a file at once would share a draft. */
  #remember(): Promise<void> {
    this.#remembered = this.#remembered.then(() => this.#writeDown());
    return this.#remembered;
  }

  async #writeDown(): Promise<void> {
    try {
      if (this.#held && this.#held.epoch > 0) await this.#claimFile.write(this.#held, Date.now());
      await this.#peersFile.write(this.#others());
    } catch (error) {
      this.#options.log.warn({ err: error }, messageOf(error));
    }
  }

  /** Through whom a restarted node may find the cluster: the dead may only be cut off. Those that are there stand first. */
  #others(): Endpoint[] {
    return [...this.#membership.swim.members()]
      .filter(({ card, state }) => state !== LEFT && card.statement.node !== this.#config.node)
      .sort((one, other) => one.state - other.state)
      .flatMap(({ card }) => endpointsOf(card.statement));
  }

  #schedulePaths(): void {
    this.#cancelPaths();
    const at = this.#paths.wakeAt();
    if (at === Number.POSITIVE_INFINITY) return;
    this.#cancelPaths = systemClock.after(Math.max(0, at - systemClock.now()), () => {
      this.#paths.wake(systemClock.now());
      this.#schedulePaths();
    });
  }
}

function profileOf({ gossip }: NodeConfig): SwimProfile {
  const base = gossip.profile === 'wan' ? WAN : LAN;
  return { ...base, forgetAfter: 1000 * gossip.forgetAfter, ...gossip.tune };
}

/** Of each ring key, the first of which makes and all verify. */
function probeKeys(ring: Keyring | undefined): Uint8Array[] {
  return ring ? ring.keys.map((key) => deriveKey(key, new Uint8Array(0), 'podwire path probe')) : [NO_KEY];
}

function keyIdOf(text: string): number {
  const id = parseKeyId(text);
  if (id === undefined) {
    throw new PodwireError(
      'CONFIG',
      `${JSON.stringify(text)} is no key id: podwire key list shows them; nothing was changed`,
    );
  }
  return id;
}
