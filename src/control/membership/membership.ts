/**
 * A node's part in the cluster: the protocol (src/core/swim), the claim of its subnets (src/core/ipam) and what seals
 * both (src/core/sessions.ts), driven over a transport. It begins alone, joins, holds subnets, and hears and tells who
 * else there is until it leaves. All of it runs on the main thread; packets do not pass here.
 *
 * ```
 *   datagram -> open -> decode -> names to numbers -> Swim -> numbers to names -> encode -> seal -> datagram
 *                                                      |
 *                                        events -> registrar, claims, peers
 * ```
 */
import type { DatagramSessions } from '../../core/channel.js';
import type { Claim } from '../../core/ipam/claim.js';
import { SubnetClaims } from '../../core/ipam/subnet-claims.js';
import type { SubnetPool } from '../../core/ipam/subnet-pool.js';
import { CardStore } from '../../core/swim/card-store.js';
import { NodeDirectory } from '../../core/swim/node-directory.js';
import type { SwimProfile } from '../../core/swim/profile.js';
import { Swim } from '../../core/swim/swim.js';
import {
  ALIVE,
  DEAD,
  type MemberRecord,
  type MemberView,
  type NodeId,
  type Packet,
  SUSPECT,
  type SwimEvent,
} from '../../core/swim/types.js';
import { sameUnderlay, type Underlay } from '../../core/underlay.js';
import { decodePacket, encodePacket, PACKET_OVERHEAD, updateSize } from '../../wire/gossip/packet.js';
import type { SignedStatement } from '../../wire/gossip/statement.js';
import type { NamedRecord } from '../../wire/gossip/stream.js';
import { SEALED_OVERHEAD } from '../../wire/sealed.js';
import { formatEndpoint } from '../config/endpoint.js';
import type { Endpoint, Seed } from '../config/node-config.js';
import type { EventLog } from './events.js';
import { Answerer, Asker, type ExchangeHost, type Outcome, type Question } from './exchange.js';
import { type Candidates, Joiner } from './joiner.js';
import { Names, type Verify } from './names.js';
import {
  claimFacts,
  firstFacts,
  firstIncarnation,
  latestIncarnation,
  OwnCard,
  type OwnFacts,
  type Sign,
} from './own-card.js';
import { type Refusal, Registrar } from './registrar.js';
import type { Clock, GossipTransport, StreamEnd, TransportListener } from './transport.js';
import { Transports } from './transports.js';
import { endpointsOf, Ways } from './ways.js';
import {
  eventWords,
  exhaustedWords,
  type MemberEvent,
  nameTakenWords,
  refutedWords,
  spentWords,
  subnetWords,
} from './words.js';

/** Peers follow the members after this pause, ms: many changes become one switch of the forwarding table. */
const PEERS_PAUSE = 10;
/** How long an address or a name that is still somebody's may keep a joining node waiting, ms: its former holder may have just died. */
const PATIENCE = 30_000;
/** Between attempts to reach again who was lost, ms: each is jittered by half. */
const REJOIN_PAUSE = 10_000;
/** Between two looks whether an address has become free, ms. */
const REFUSED_PAUSE = 2_000;
/** How long a leaving node goes on talking, ms: so that its word spreads, and it still ends within a second. */
const FAREWELL = 450;

export interface MembershipOptions {
  /** What this node says of itself; without subnets it claims some. */
  readonly facts: OwnFacts;
  readonly sign: Sign;
  readonly verify: Verify;
  readonly sessions: DatagramSessions<Endpoint>;
  readonly profile: SwimProfile;
  readonly pool: SubnetPool;
  /** The subnets of an earlier life. */
  readonly remembered?: Claim & { readonly absentMs: number };
  /** Nodes to ask to join, of the configuration and of an earlier life. */
  readonly join: readonly Seed[];
  readonly known: readonly Endpoint[];
  /** Where a node to join is now: a name may have several addresses, or none at present. */
  readonly resolve: (seed: Seed) => Promise<readonly Endpoint[]>;
  readonly transport: (local: Endpoint, listener: TransportListener) => Promise<GossipTransport>;
  readonly clock: Clock;
  /** 0 <= x < 1 */
  readonly random: () => number;
  readonly events: EventLog;
  readonly outputs: MembershipOutputs;
}

/** What was delivered and not taken; each grows for ever. */
export interface MembershipCounts {
  /** Packets that are none, or of another version. */
  unreadablePackets: number;
  /** Updates of an unknown kind, or with something in them that cannot be. */
  unreadableUpdates: number;
  /** Cards that the identity in them has not signed, and claims about nodes that nobody has vouched for. */
  unvouched: number;
}

export interface MembershipOutputs {
  /** These subnets are this node's: it may carry traffic. */
  hold(claim: Claim): void;
  /** They are no longer: it must stop at once. */
  release(claim: Claim, winner: string): void;
  /** Who carries traffic in the cluster, when it has changed. */
  members(cards: readonly SignedStatement[]): void;
  /** This node cannot be who it says it is: it must end. */
  refused(words: string): void;
}

export class Membership {
  readonly directory = new NodeDirectory();
  readonly counts: MembershipCounts = { unreadablePackets: 0, unreadableUpdates: 0, unvouched: 0 };
  readonly #options: MembershipOptions;
  readonly #self: NodeId;
  readonly #card: OwnCard;
  readonly #swim: Swim<SignedStatement>;
  readonly #names: Names;
  readonly #registrar = new Registrar();
  readonly #claims: SubnetClaims | undefined;
  readonly #host: ExchangeHost;
  readonly #transports: Transports;
  readonly #ways: Ways;
  #joiner: Joiner | undefined;
  /** Told by the protocol during its calls, dealt with after them. */
  readonly #heard: SwimEvent<SignedStatement>[] = [];
  #peersTimer: (() => void) | undefined;
  #cancelWake: () => void = () => {};
  #cancelRejoin: () => void = () => {};
  #endPause: () => void = () => {};
  #wakeAt = Number.POSITIVE_INFINITY;
  #seeds: readonly Seed[];
  #phase: 'joining' | 'member' | 'closed' = 'joining';
  /** Who has our name, as it turned out while we joined. */
  #impostor: Refusal | undefined;
  #lastSaid = '';

  constructor(options: MembershipOptions) {
    const { facts, sign, verify, profile, clock, random, pool, remembered } = options;
    this.#options = options;
    this.#seeds = options.join;
    this.#self = this.directory.intern(facts.node);
    this.#card = new OwnCard(firstFacts(facts, remembered, profile.forgetAfter), sign, firstIncarnation(clock.wall()));
    this.#names = new Names(this.directory, verify);
    this.#ways = new Ways(this.#self, (node) => this.#swim.member(node)?.card.statement);
    this.#transports = new Transports((local) => this.#openTransport(local));
    this.#swim = new Swim<SignedStatement>({
      self: this.#self,
      card: this.#card.signed,
      incarnation: this.#card.signed.statement.incarnation,
      profile,
      cards: new CardStore(),
      now: clock.now(),
      tools: {
        random,
        incarnationOf: ({ statement }) => statement.incarnation,
        latestIncarnation: () => latestIncarnation(clock.wall()),
        renew: (incarnation) => this.#card.renew(incarnation),
        linked: (one, other) => this.#ways.linked(one, other),
        judge: (node, card, known) => (this.#refusal(node, card, known) ? 'conflict' : 'accept'),
        sizeOf: (update) => updateSize(this.#names.updateOut(update)),
        packetOverhead: PACKET_OVERHEAD + SEALED_OVERHEAD,
      },
      outputs: {
        send: (to, packet, via) => this.#send(to, packet, via as Endpoint | undefined),
        sync: (to) => void this.#ask(this.#ways.to(to)[0], { kind: 'state' }),
        streamPing: (to, seq) => void this.#streamPing(to, seq),
        notify: (event) => void this.#heard.push(event),
      },
    });
    this.#claims =
      facts.podCidr.length > 0
        ? undefined
        : new SubnetClaims({
            self: facts.node,
            pool,
            coolDownMs: profile.forgetAfter,
            ...(remembered && { remembered }),
            outputs: {
              announce: (claim) => this.#announce(claim),
              hold: (claim) => this.#hold(claim),
              release: (claim, winner) => this.#release(claim, winner),
              exhausted: (usage) => this.#tell('subnets-exhausted', facts.node, exhaustedWords(usage)),
            },
          });
    this.#host = {
      node: facts.node,
      pushState: () => [...this.#swim.pushState(clock.now())].map((record) => this.#names.recordOut(record)),
      mergeState: (records) => this.#merge(records),
      trust: (peer) => options.sessions.trust(peer, clock.now()),
    };
  }

  /**
   * Opens the transport and goes on joining in the background; what comes of it is told to `outputs`.
   * @throws PodwireError MACHINE: the port cannot be had
   */
  async start(): Promise<void> {
    await this.#transports.open(endpointsOf(this.#card.facts));
    this.#schedule();
    void this.#join();
  }

  /**
   * Moves to other underlay addresses: the others learn it with the next gossip. An address that stays goes on undisturbed.
   * @returns those that could be had, one at least
   * @throws PodwireError MACHINE: none could be had; until a move succeeds this node is silent
   */
  async move(underlay: Underlay): Promise<Underlay> {
    const { gossipPort } = this.#card.facts;
    const had = await this.#transports.move(underlay, gossipPort);
    if (!sameUnderlay(had, this.#card.facts.underlay)) this.change({ underlay: had });
    return had;
  }

  /** Says something else of itself. */
  change(facts: Partial<OwnFacts>): void {
    this.#drive(() => this.#sayOfItself(facts));
  }

  /**
   * Says goodbye and ends. @param giveBack the subnets are given back at once, instead of being kept for a return
   */
  async leave(giveBack: boolean): Promise<void> {
    if (this.#phase === 'closed') return;
    this.#joiner?.stop();
    if (this.#phase === 'member' && this.#swim.alive > 1) {
      // One after the other: of two updates about one node only the later is passed on.
      if (giveBack) {
        this.#drive(() => this.#claims?.giveBack());
        await this.#pause(FAREWELL);
      }
      this.#drive((now) => this.#swim.leave(now));
      await this.#pause(FAREWELL);
    }
    await this.close();
  }

  /** Ends without a word. */
  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#joiner?.stop();
    this.#cancelWake();
    this.#cancelRejoin();
    this.#peersTimer?.();
    this.#endPause();
    await this.#transports.close();
  }

  get card(): SignedStatement {
    return this.#card.signed;
  }

  get swim(): Pick<Swim<SignedStatement>, 'members' | 'alive' | 'size' | 'awareness' | 'counts'> {
    return this.#swim;
  }

  get claims(): SubnetClaims | undefined {
    return this.#claims;
  }

  /** Whether it has met the cluster, or is its first node. */
  get joined(): boolean {
    return this.#phase === 'member';
  }

  /** Members that are there, this node too, with their cards. */
  *present(): Generator<MemberView<SignedStatement>> {
    for (const member of this.#swim.members()) {
      if (isPresent(member)) yield member;
    }
  }

  #openTransport(local: Endpoint): Promise<GossipTransport> {
    return this.#options.transport(local, {
      datagram: (datagram, from) => this.#receive(datagram, from),
      accept: (stream) => {
        const seal = this.#options.sessions.openStream();
        stream.write(seal.start());
        return new Answerer(this.#host, seal, () => stream);
      },
    });
  }

  /** Nodes to ask to join, when the configuration has changed. */
  setJoin(join: readonly Seed[]): void {
    this.#seeds = join;
  }

  /** The nodes to join, as far as there is a way to them; if there is to none, all, so that they are told of. */
  async #candidates(): Promise<Candidates> {
    const own = new Set(endpointsOf(this.#card.facts).map(formatEndpoint));
    const seeds = await Promise.all(this.#seeds.map(this.#options.resolve));
    const others = [...seeds.flat(), ...this.#options.known].filter((endpoint) => !own.has(formatEndpoint(endpoint)));
    const reached = others.filter((endpoint) => this.#transports.to(endpoint));
    const first = seeds[0]?.some((endpoint) => own.has(formatEndpoint(endpoint)));
    return {
      ask: reached.length > 0 ? reached : others,
      mayFound: first === undefined ? 'at once' : first ? 'late' : 'never',
    };
  }

  async #join(): Promise<void> {
    const { clock, random } = this.#options;
    this.#joiner = new Joiner({
      candidates: () => this.#candidates(),
      ask: (endpoint) => this.#ask(endpoint, { kind: 'state' }),
      clock,
      random,
      onRefused: (refusals) => {
        const words = refusals.map(({ endpoint, reason }) => `${formatEndpoint(endpoint)}: ${reason}`).join(', ');
        this.#tell(
          'join-retry',
          undefined,
          `no node lets us in yet: ${words || 'join names no other node that has an address'}`,
        );
      },
    });
    const outcome = await this.#joiner.run();
    if (outcome === 'stopped' || (outcome === 'joined' && !(await this.#accepted()))) return;
    if (this.#isClosed()) return;
    this.#phase = 'member';
    this.#register(this.#self);
    const words =
      outcome === 'joined' ? `joined a cluster of ${this.#swim.alive}` : 'this is the first node of a cluster';
    this.#tell('joined-cluster', undefined, words);
    this.#begin(outcome === 'joined');
  }

  /** Whether the cluster takes us as who we say we are; waits a while for a former self to be given up. */
  async #accepted(): Promise<boolean> {
    const { clock, outputs } = this.#options;
    const deadline = clock.now() + PATIENCE;
    for (;;) {
      const refusal = this.#refusal(this.#self, this.#card.signed, undefined) ?? this.#impostor;
      if (!refusal) return true;
      this.#tell('refused', this.#options.facts.node, `the cluster refuses this node: ${refusal.words}`);
      if (refusal.what !== 'address' || clock.now() > deadline) {
        outputs.refused(`${refusal.words}: nothing was changed here`);
        return false;
      }
      await this.#pause(REFUSED_PAUSE);
      if (this.#isClosed()) return false;
    }
  }

  #begin(others: boolean): void {
    this.#drive((now) => this.#claims?.start(now, others));
    if (!this.#claims) this.#holdAmongOthers({ podCidr: this.#card.facts.podCidr, epoch: 0 });
    this.#cancelRejoin = this.#options.clock.after(this.#jittered(REJOIN_PAUSE), () => void this.#rejoin());
    this.#peersChanged();
  }

  /** For ever: somebody who was lost may be back, or we were lost to all of them. */
  async #rejoin(): Promise<void> {
    const { clock, random, known, resolve } = this.#options;
    const seeds = (await Promise.all(this.#seeds.map(resolve))).flat();
    if (this.#isClosed()) return;
    const endpoints = (members: Iterable<MemberView<SignedStatement>>) =>
      [...members].flatMap(({ card }) => endpointsOf(card.statement));
    const present = new Set(endpoints(this.present()).map(formatEndpoint));
    const lost = endpoints([...this.#swim.members()].filter(({ state }) => state === DEAD));
    const missing = [...seeds, ...known, ...lost].filter(
      (endpoint) => this.#transports.to(endpoint) && !present.has(formatEndpoint(endpoint)),
    );
    const one = missing[Math.floor(random() * missing.length)];
    if (one) void this.#ask(one, { kind: 'state' });
    this.#cancelRejoin = clock.after(this.#jittered(REJOIN_PAUSE), () => void this.#rejoin());
  }

  /** While it waited for something. */
  #isClosed(): boolean {
    return this.#phase === 'closed';
  }

  /** One at a time; it ends early when this node does. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }

  #jittered(ms: number): number {
    return ms * (0.5 + this.#options.random());
  }

  #receive(datagram: Uint8Array, from: Endpoint): void {
    this.#options.sessions.open(datagram, from, this.#options.clock.now());
  }

  /** A datagram that was opened: sealed by a living holder of a ring key. */
  deliver(plain: Uint8Array, from: Endpoint): void {
    if (this.#phase === 'closed') return;
    const wire = decodePacket(plain);
    if (typeof wire === 'string') {
      this.counts.unreadablePackets++;
      return;
    }
    const packet = this.#names.packetIn(wire);
    this.counts.unreadableUpdates += wire.skipped;
    this.counts.unvouched += wire.updates.length - packet.updates.length;
    this.#drive((now) => this.#swim.handlePacket(packet, now, from));
    this.#forgetStrangers(packet.updates.map(({ node }) => node));
  }

  /** A datagram that the seal itself wants sent. */
  transmit(datagram: Uint8Array, to: Endpoint): void {
    this.#transports.to(to)?.send(datagram, to);
  }

  #send(to: NodeId, packet: Packet<SignedStatement>, via: Endpoint | undefined): void {
    const endpoint = via ?? this.#ways.to(to)[0];
    // Who is not taken in yet answers, and says nothing of its own accord.
    if (!endpoint || (this.#phase === 'joining' && !via)) return;
    const plain = encodePacket(this.#names.packetOut(packet));
    this.transmit(this.#options.sessions.seal(plain, this.#options.clock.now()), endpoint);
  }

  #merge(wire: readonly NamedRecord[]): void {
    const records: MemberRecord<SignedStatement>[] = wire.flatMap((record) => this.#names.recordIn(record));
    this.counts.unvouched += wire.length - records.length;
    this.#drive((now) => this.#swim.mergeState(records, now));
    this.#forgetStrangers(records.map(({ node }) => node));
  }

  /** Numbers whose cards were refused are given back. */
  #forgetStrangers(nodes: readonly NodeId[]): void {
    for (const node of nodes) if (!this.#swim.member(node)) this.directory.release(node);
  }

  async #ask(to: Endpoint | undefined, question: Question): Promise<Outcome> {
    const transport = to && this.#transports.to(to);
    if (!transport) return 'this node has no underlay address of that family';
    return new Promise((resolve) => {
      const seal = this.#options.sessions.openStream();
      const asker: Asker = new Asker(this.#host, seal, () => stream, question, resolve);
      const stream: StreamEnd = transport.connect(to, asker);
      stream.write(seal.start());
    });
  }

  async #streamPing(to: NodeId, seq: number): Promise<void> {
    const target = this.directory.name(to);
    const [first, other] = this.#ways.to(to);
    const outcome = await this.#ask(other ?? first, { kind: 'ping', seq, target });
    if (outcome !== undefined) return;
    // The datagram over the first family was not answered: until this one fails, it goes before.
    if (other) this.#ways.avoid(to, first.address.family);
    this.#drive((now) => this.#swim.handleStreamAck(seq, now));
  }

  /** Every input of the protocol goes through here: what it told meanwhile is dealt with, and the timer set anew. */
  #drive(input: (now: number) => void): void {
    if (this.#phase === 'closed') return;
    input(this.#options.clock.now());
    for (let event = this.#heard.shift(); event; event = this.#heard.shift()) this.#hear(event);
    this.#schedule();
  }

  #schedule(): void {
    const at = Math.min(this.#swim.wakeAt(), this.#claims?.wakeAt() ?? Number.POSITIVE_INFINITY);
    if (at === this.#wakeAt || this.#phase === 'closed') return;
    this.#cancelWake();
    this.#wakeAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#cancelWake = this.#options.clock.after(Math.max(0, at - this.#options.clock.now()), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#drive((now) => {
        this.#swim.wake(now);
        this.#claims?.wake(now);
      });
    });
  }

  #hear(event: SwimEvent<SignedStatement>): void {
    if (event.kind === 'refuted') {
      const accuser = event.from === this.#self ? undefined : this.directory.name(event.from);
      this.#tell('refuted', accuser, refutedWords(accuser));
      return;
    }
    if (event.kind === 'spent') {
      this.#tell('incarnations-spent', this.#options.facts.node, spentWords());
      return;
    }
    const name = this.directory.name(event.node);
    if (event.kind === 'conflict') {
      this.#hearConflict(event.node, event.card);
      return;
    }
    this.#follow(event);
    this.#tell(event.kind, name, eventWords(event, name));
    if (event.kind === 'forgotten' || event.kind === 'updated') this.#ways.forget(event.node);
    if (event.kind === 'forgotten') this.directory.release(event.node);
    this.#peersChanged();
  }

  /** The registrar and the claims follow the members. */
  #follow(event: MemberEvent<SignedStatement>): void {
    const { node } = event;
    const now = this.#options.clock.now();
    const name = this.directory.name(node);
    if (event.kind === 'forgotten') {
      this.#registrar.delete(node);
      this.#claims?.observe(name, undefined, 'forgotten', now);
      return;
    }
    const member = this.#swim.member(node);
    if (!member) return;
    this.#register(node);
    this.#claims?.observe(name, claimOf(member.card), isPresent(member) ? 'present' : 'absent', now);
  }

  /** What a node has is its own from now on. A node that joins has nothing yet: it is the others' turn to object. */
  #register(node: NodeId): void {
    const member = this.#swim.member(node);
    if (!member || (node === this.#self && this.#phase !== 'member')) return;
    this.#registrar.set(node, member.card, { alive: member.state === ALIVE, present: isPresent(member) });
  }

  #hearConflict(node: NodeId, card: SignedStatement): void {
    const name = card.statement.node;
    const [at, own] = [card.statement, this.#card.facts].map((one) =>
      endpointsOf(one).map(formatEndpoint).join(' and '),
    );
    if (node === this.#self) {
      if (this.#phase === 'joining') this.#impostor = { what: 'name', words: nameTakenWords(name, at, at === own) };
      this.#tell('conflict', name, `a node at ${at} claims our name with another identity: it is refused`);
      return;
    }
    const words = this.#refusal(node, card, this.#swim.member(node)?.card)?.words ?? 'it is refused';
    this.#tell('conflict', name, `a node at ${at} that calls itself ${name} is refused: ${words}`);
  }

  #refusal(node: NodeId, card: SignedStatement, known: SignedStatement | undefined): Refusal | undefined {
    return this.#registrar.refusal(node, card, known);
  }

  #announce(claim: Claim | undefined): void {
    this.#sayOfItself(claimFacts(claim));
  }

  #sayOfItself(facts: Partial<OwnFacts>): void {
    const incarnation = this.#swim.nextIncarnation();
    this.#swim.update(this.#card.renew(incarnation, facts), incarnation, this.#options.clock.now());
    this.#register(this.#self);
  }

  #hold(claim: Claim): void {
    this.#tell('subnet-held', this.#options.facts.node, `this node holds ${subnetWords(claim)} (epoch ${claim.epoch})`);
    this.#holdAmongOthers(claim);
  }

  /** Packets may wait already: who the others are is told before they are read. */
  #holdAmongOthers(claim: Claim): void {
    this.#tellMembers();
    this.#options.outputs.hold(claim);
  }

  #release(claim: Claim, winner: string): void {
    const words = `${winner} holds ${subnetWords(claim)} by an older claim: this node stops forwarding and claims anew`;
    this.#tell('subnet-lost', this.#options.facts.node, words);
    this.#options.outputs.release(claim, winner);
  }

  #peersChanged(): void {
    if (this.#phase !== 'member' || this.#peersTimer) return;
    this.#peersTimer = this.#options.clock.after(PEERS_PAUSE, () => {
      this.#peersTimer = undefined;
      this.#tellMembers();
    });
  }

  #tellMembers(): void {
    const others = [...this.present()].filter(({ node }) => node !== this.#self);
    this.#options.outputs.members(others.map(({ card }) => card));
  }

  /** The same words again are not worth saying. */
  #tell(kind: string, node: string | undefined, message: string): void {
    if (message === this.#lastSaid) return;
    this.#lastSaid = message;
    this.#options.events.tell(kind, message, node === undefined ? {} : { node });
  }
}

function isPresent({ state }: MemberView<SignedStatement>): boolean {
  return state === ALIVE || state === SUSPECT;
}

function claimOf({ statement }: SignedStatement): Claim | undefined {
  return statement.podCidr.length === 0 ? undefined : { podCidr: statement.podCidr, epoch: statement.epoch };
}
