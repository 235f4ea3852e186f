/**
 * The promise of src/core/ipam/subnet-claims.ts, held under random partitions, crashes, restarts and clock jumps. The
 * claims are the shipped ones; the gossip is a plain one: every node counts up a heartbeat, and sends all that it knows to
 * a random other, which loses some of it and delays the rest. What must hold at every moment:
 *
 * - A subnet that all knew of, and nobody disputed, when the network split, or when its owner crashed, stays its owner's, until somebody has
 *   rightly forgotten the owner: nobody else holds it, on any side; the owner is not made to release it; and it has it
 *   again when it restarts, whatever its clock says.
 * - Two that reach each other hold no subnet both for longer than `BOUND`, and of two that collide the older claim stays.
 * - Nobody claims what another has that it knows of, be that one there or away, nor before it has released what it held.
 * - When all is quiet, everybody has a subnet of its own.
 *
 * One seed, one run: `SEED=n npx tap dist/test/sim/ipam-promise.test.js`; `RUNS=n` for more.
 */
import t from 'tap';
import { type Claim, claimsOverlap } from '../../src/core/ipam/claim.js';
import { SubnetClaims } from '../../src/core/ipam/subnet-claims.js';
import { SubnetPool } from '../../src/core/ipam/subnet-pool.js';
import { type Random, seededRandom } from '../../src/core/random.js';
import { formatPrefix, parsePrefix } from '../../src/wire/address.js';

const TICK = 100;
/** Ticks of trouble; then it is quiet. */
const TICKS = 3000;
/** Gossip arrives after this at most, ms. */
const LONGEST_DELAY = 500;
/** Silence after which a node counts as absent, ms. */
const SILENCE = 3_000;
/** How long absent nodes are remembered, ms; no split lasts as long. */
const COOL_DOWN = 120_000;
const LONGEST_SPLIT = 60_000;
/** Two that reach each other hold no subnet both for longer than this, ms: several rounds of this gossip. */
const BOUND = 6_000;
/** What a wall clock may be set by while a node is down, ms. */
const CLOCK_JUMPS = [0, 0, 0, 3_600_000, -86_400_000, 1e15, -1e15];

interface Known {
  readonly heartbeat: number;
  readonly claim: Claim | undefined;
  /** When the heartbeat was last seen to grow, ms. */
  readonly grewAt: number;
}

type News = readonly (readonly [string, Known])[];

function subnet(claim: Claim): string {
  return claim.podCidr.map(formatPrefix).join();
}

class Node {
  readonly name: string;
  readonly world: World;
  readonly known = new Map<string, Known>();
  readonly #absent = new Set<string>();
  claims: SubnetClaims;
  running = false;
  joined = false;
  /** Side of a split. */
  group = 0;
  held: Claim | undefined;
  #heartbeat = 0;
  /** What its state directory says. */
  #kept: { readonly claim: Claim; readonly at: number } | undefined;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.claims = this.#machine();
  }

  boot(): void {
    this.running = true;
    this.joined = false;
    this.known.clear();
    this.#absent.clear();
    this.claims = this.#machine();
  }

  crash(): void {
    this.world.promise(this);
    this.running = false;
    this.joined = false;
    this.held = undefined;
  }

  /** Its state directory is lost. */
  forget(): void {
    this.#kept = undefined;
    this.world.unpromise(this.name);
  }

  /** It has heard of the others, or is the first. */
  join(others: boolean): void {
    this.joined = true;
    this.claims.start(this.world.now, others);
    const kept = this.#kept?.claim;
    if (!kept || (this.held && subnet(this.held) === subnet(kept))) return;
    const lost = [...this.known.values()].some(({ claim }) => claim && claimsOverlap(claim, kept));
    this.world.check(lost, `${this.name} returns, and has not ${subnet(kept)} again`);
    this.world.checkNotPromised(this, 'returns to find another in');
  }

  #machine(): SubnetClaims {
    const { world } = this;
    const kept = this.#kept;
    return new SubnetClaims({
      self: this.name,
      pool: world.pool,
      coolDownMs: COOL_DOWN,
      ...(kept && { remembered: { ...kept.claim, absentMs: world.now - kept.at + world.clockJump() } }),
      outputs: {
        announce: (claim) => {
          world.check(!claim || !this.held, `${this.name} claims anew before it has released`);
          if (claim) this.#checkFree(claim);
        },
        hold: (claim) => {
          world.check(!this.held, `${this.name} holds two`);
          this.held = claim;
        },
        release: (claim, winner) => {
          world.check(this.held === claim, `${this.name} releases what it does not hold`);
          this.#checkGoesFirst(winner, claim);
          world.checkRelease(this, claim, winner);
          this.held = undefined;
        },
        exhausted: () => {},
      },
    });
  }

  /** The winner is there, and its claim is older, or as old with a name that goes first. */
  #checkGoesFirst(winner: string, claim: Claim): void {
    const epoch = this.known.get(winner)?.claim?.epoch ?? Number.POSITIVE_INFINITY;
    const first = epoch < claim.epoch || (epoch === claim.epoch && winner < this.name);
    this.world.check(first, `${this.name} gives way to ${winner}, which goes behind`);
    this.world.check(!this.#absent.has(winner), `${this.name} gives way to ${winner}, which is away`);
  }

  /** Nobody whom it knows of, be it there or away, has any of this. */
  #checkFree(claim: Claim): void {
    for (const [other, { claim: theirs }] of this.known) {
      const free = !theirs || !claimsOverlap(claim, theirs);
      this.world.check(free, `${this.name} claims ${subnet(claim)}, which ${other} has`);
    }
  }

  tick(): void {
    const { now } = this.world;
    this.#heartbeat++;
    if (this.held) this.#kept = { claim: this.held, at: now };
    for (const [name, { claim, grewAt }] of this.known) {
      if (now - grewAt > COOL_DOWN) {
        this.known.delete(name);
        this.#absent.delete(name);
        this.world.unpromise(name);
        this.claims.observe(name, undefined, 'forgotten', now);
      } else if (now - grewAt > SILENCE && !this.#absent.has(name)) {
        this.#absent.add(name);
        this.claims.observe(name, claim, 'absent', now);
      }
    }
    this.claims.wake(now);
  }

  /** All that it knows, of itself too. */
  news(): News {
    const self = { heartbeat: this.#heartbeat, claim: this.claims.own, grewAt: this.world.now };
    return [...this.known, [this.name, self]];
  }

  hear(news: News): void {
    const { now } = this.world;
    for (const [name, theirs] of news) {
      const mine = this.known.get(name);
      if (name === this.name || (mine && mine.heartbeat >= theirs.heartbeat)) continue;
      const absent = now - theirs.grewAt > SILENCE;
      this.known.set(name, theirs);
      if (absent) this.#absent.add(name);
      else this.#absent.delete(name);
      this.claims.observe(name, theirs.claim, absent ? 'absent' : 'present', now);
    }
  }
}

class World {
  readonly pool: SubnetPool;
  readonly nodes: readonly Node[];
  readonly faults: string[] = [];
  now = 0;
  readonly #random: Random;
  #splitAt: number | undefined;
  #inFlight: { readonly at: number; readonly to: Node; readonly news: News }[] = [];
  /** Subnets that must stay their owners', by the owner's name. */
  readonly #promised = new Map<string, Claim>();
  #releases: { readonly loser: string; readonly winner: string; readonly subnet: string; readonly at: number }[] = [];
  /** Since when two that reach each other have held one subnet, ms. */
  readonly #together = new Map<string, number>();

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const size = 6 + this.#below(19);
    // Blocks for all, and hardly more, so that claims meet.
    const range = parsePrefix(`10.0.0.0/${24 - Math.ceil(Math.log2(size))}`);
    if (typeof range === 'string') throw new Error(range);
    this.pool = new SubnetPool([range], { 4: 24, 6: 64 });
    this.nodes = Array.from({ length: size }, (_, i) => new Node(this, `n${i}`));
  }

  run(): readonly string[] {
    const [first] = this.nodes;
    first?.boot();
    first?.join(false);
    for (let i = 0; i < TICKS && this.faults.length === 0; i++) {
      this.#trouble();
      this.#step();
    }
    this.#splitAt = undefined;
    for (const node of this.nodes) if (!node.running) node.boot();
    for (let i = 0; i < (2 * BOUND) / TICK && this.faults.length === 0; i++) this.#step();
    for (const { name, held } of this.nodes) this.check(held !== undefined, `${name} has no subnet when all is quiet`);
    for (const [one, other] of this.#collisions()) this.check(false, `${one.name} and ${other.name} have the same`);
    return this.faults;
  }

  clockJump(): number {
    return CLOCK_JUMPS[this.#below(CLOCK_JUMPS.length)] ?? 0;
  }

  check(holds: boolean, what: string): void {
    if (!holds) this.faults.push(`${this.now} ms: ${what}`);
  }

  /** Its subnet must stay its own if everybody who runs has heard of it, and of nobody who claims any of it, there or away. */
  promise({ name, held }: Node): void {
    if (!held) return;
    const joined = this.nodes.filter((node) => node.joined);
    const heard = (node: Node) => node.name === name || node.known.get(name)?.claim === held;
    const disputed = joined.some((node) =>
      node.news().some(([other, { claim }]) => other !== name && claim && claimsOverlap(claim, held)),
    );
    if (joined.every(heard) && !disputed) this.#promised.set(name, held);
  }

  /** Ends a promise: the owner was away for as long as absent nodes are remembered, or has forgotten it itself. */
  unpromise(owner: string): void {
    this.#promised.delete(owner);
  }

  checkNotPromised(node: Node, what: string): void {
    const promised = this.#promised.get(node.name);
    this.check(!promised, `${node.name} ${what} ${promised && subnet(promised)}, which all knew to be its own`);
  }

  /** Of two that collide, one keeps it. */
  checkRelease(node: Node, claim: Claim, winner: string): void {
    this.checkNotPromised(node, `gives way to ${winner} in`);
    this.#releases = this.#releases.filter(({ at }) => this.now - at < BOUND);
    const both = this.#releases.some(
      (one) => one.loser === winner && one.winner === node.name && one.subnet === subnet(claim),
    );
    this.check(!both, `${node.name} and ${winner} both give up ${subnet(claim)}`);
    this.#releases.push({ loser: node.name, winner, subnet: subnet(claim), at: this.now });
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  #reach(one: Node, other: Node): boolean {
    return one.running && other.running && (this.#splitAt === undefined || one.group === other.group);
  }

  /** At first nodes only come, so that many claim while the network is split. */
  #trouble(): void {
    const dice = this.#random();
    if (this.#splitAt === undefined) {
      if (dice < 0.01) this.#split();
    } else if (dice < 0.003 || this.now - this.#splitAt > LONGEST_SPLIT) this.#splitAt = undefined;
    const fresh = this.now < LONGEST_SPLIT;
    if (this.#random() > (fresh ? 0.1 : 0.03)) return;
    const node = this.nodes[this.#below(this.nodes.length)];
    if (!node?.running) node?.boot();
    else if (!fresh && this.nodes.filter(({ joined }) => joined).length > 2) {
      node.crash();
      if (this.#below(4) === 0) node.forget();
    }
  }

  #split(): void {
    for (const node of this.nodes) {
      this.promise(node);
      node.group = this.#below(2);
    }
    this.#splitAt = this.now;
  }

  #step(): void {
    this.now += TICK;
    const running = this.nodes.filter((node) => node.running);
    for (const node of running) node.tick();
    const arrived = this.#inFlight.filter(({ at }) => at <= this.now);
    this.#inFlight = this.#inFlight.filter(({ at }) => at > this.now);
    for (const { to, news } of arrived) if (to.joined) to.hear(news);
    for (const node of running) this.#talk(node);
    this.#checkAll();
  }

  #talk(node: Node): void {
    if (node.joined && this.#random() > 0.4) return;
    const others = this.nodes.filter((other) => other !== node && other.joined && this.#reach(node, other));
    const other = others[this.#below(others.length)];
    if (!other || this.#random() < 0.1) return;
    if (!node.joined) {
      // Over a stream: the whole of it, at once.
      node.hear(other.news());
      node.join(true);
    }
    this.#send(node, other);
    this.#send(other, node);
  }

  #send(from: Node, to: Node): void {
    if (this.#random() < 0.1) return;
    this.#inFlight.push({ at: this.now + this.#below(LONGEST_DELAY), to, news: from.news() });
  }

  *#collisions(): Generator<readonly [Node, Node]> {
    const holders = new Map<string, Node>();
    for (const node of this.nodes) {
      if (!node.held) continue;
      // All subnets are blocks of one size: they overlap where they are the same.
      const other = holders.get(subnet(node.held));
      if (other) yield [other, node];
      holders.set(subnet(node.held), node);
    }
  }

  #checkAll(): void {
    const together = new Set<string>();
    for (const [one, other] of this.#collisions()) {
      for (const { name, held } of [one, other]) {
        const promised = this.#promised.get(name);
        if (!promised || !held || !claimsOverlap(promised, held)) continue;
        this.check(false, `${one.name} and ${other.name} both hold ${subnet(held)}, which all knew to be ${name}'s`);
      }
      if (!this.#reach(one, other)) continue;
      const pair = `${one.name} and ${other.name}`;
      together.add(pair);
      const since = this.#together.get(pair) ?? this.now;
      this.#together.set(pair, since);
      this.check(this.now - since <= BOUND, `${pair} have held one subnet since ${since} ms`);
    }
    for (const pair of this.#together.keys()) if (!together.has(pair)) this.#together.delete(pair);
    for (const [owner, promised] of this.#promised) {
      const thief = this.nodes.find(({ name, held }) => name !== owner && held && claimsOverlap(held, promised));
      this.check(!thief, `${thief?.name} holds ${subnet(promised)}, which all knew to be ${owner}'s`);
    }
  }
}

t.test('the promise on subnets', async (t) => {
  const only = process.env['SEED'];
  const first = only === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(only);
  const runs = only === undefined ? Number(process.env['RUNS'] ?? 100) : 1;
  t.comment(`${runs} runs from seed ${first} on`);
  t.setTimeout(runs * 2000);
  for (let seed = first; seed < first + runs; seed++) {
    const [fault] = new World(seed).run();
    if (fault === undefined) continue;
    t.fail(`${fault}; replay: SEED=${seed} npx tap dist/test/sim/ipam-promise.test.js`);
    break;
  }
  t.pass('held');
});
