/**
 * The promise of src/core/ipam/subnet-claims.ts, held under random partitions, crashes, restarts and clock jumps. The
 * claims are the shipped ones; the gossip is a plain one: every node counts up a heartbeat, and exchanges all that it
 * knows with a random other. One seed, one run: `SEED=n npx tap dist/test/sim/ipam-promise.test.js`; `RUNS=n` for more.
 */
import t from 'tap';
import { type Claim, claimsOverlap } from '../../src/core/ipam/claim.js';
import { SubnetClaims } from '../../src/core/ipam/subnet-claims.js';
import { SubnetPool } from '../../src/core/ipam/subnet-pool.js';
import { type Random, seededRandom } from '../../src/core/random.js';
import { formatPrefix, parsePrefix } from '../../src/wire/address.js';

const TICK = 100;
/** Silence after which a node counts as absent, ms. */
const SILENCE = 3_000;
/** How long absent nodes are remembered, ms; no split lasts as long. */
const COOL_DOWN = 120_000;
const LONGEST_SPLIT = 60_000;
/** Two that reach each other hold no subnet both for longer than this, ms: several rounds of this gossip. */
const BOUND = 6_000;
/** A claim is known to all by then, ms, so it counts as held before a split that comes later. */
const KNOWN = 10_000;

interface Known {
  heartbeat: number;
  claim: Claim | undefined;
  /** When the heartbeat was last seen to grow, ms. */
  grewAt: number;
  standing: 'present' | 'absent';
}

class Node {
  readonly name: string;
  readonly world: World;
  readonly known = new Map<string, Known>();
  claims: SubnetClaims;
  running = false;
  joined = false;
  group = 0;
  heartbeat = 0;
  held: Claim | undefined;
  heldSince = 0;
  /** What it should have again after a restart. */
  #expected: Claim | undefined;
  /** What its state directory says. */
  kept: { claim: Claim; at: number } | undefined;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.claims = this.#machine(0);
  }

  start(): void {
    this.running = true;
    this.joined = false;
    this.known.clear();
    this.held = undefined;
    const { kept, world } = this;
    this.#expected = kept && world.now - kept.at < COOL_DOWN - 2 * KNOWN ? kept.claim : undefined;
    this.claims = this.#machine(world.clockJump());
  }

  crash(): void {
    this.running = false;
    if (this.held) this.kept = { claim: this.held, at: this.world.now };
    this.held = undefined;
  }

  #machine(jump: number): SubnetClaims {
    const { world, kept } = this;
    return new SubnetClaims({
      self: this.name,
      pool: world.pool,
      coolDownMs: COOL_DOWN,
      ...(kept && { remembered: { ...kept.claim, absentMs: world.now - kept.at + jump } }),
      outputs: {
        announce: (claim) => {
          world.check(!claim || !this.held, `${this.name} claims anew before it has stopped`);
          if (claim) this.#checkFree(claim);
        },
        hold: (claim) => {
          world.check(this.#mayDiffer(claim), `${this.name} is back in time, and has not its subnet again`);
          this.#expected = undefined;
          this.held = claim;
          this.heldSince = world.now;
          this.kept = { claim, at: world.now };
        },
        release: (claim, winner) => {
          world.check(this.held === claim, `${this.name} releases what it does not hold`);
          world.checkRelease(this, claim, winner);
          this.held = undefined;
        },
        exhausted: () => {},
      },
    });
  }

  /** Back within the cool-down it has what it had, unless somebody else has it. */
  #mayDiffer(claim: Claim): boolean {
    const expected = this.#expected;
    if (!expected || claimsOverlap(claim, expected)) return true;
    return this.world.nodes.some(
      (other) => other !== this && other.claims.own && claimsOverlap(other.claims.own, expected),
    );
  }

  /** Nobody whom it knows of, be it there or away, has any of this. */
  #checkFree(claim: Claim): void {
    for (const [other, { claim: theirs }] of this.known) {
      if (!theirs || !claimsOverlap(claim, theirs)) continue;
      this.world.check(false, `${this.name} takes ${claim.podCidr.map(formatPrefix)}, which ${other} has`);
    }
  }

  tick(): void {
    const { now } = this.world;
    this.heartbeat++;
    if (this.held) this.kept = { claim: this.held, at: now };
    for (const [name, entry] of this.known) {
      const silent = now - entry.grewAt;
      if (silent > COOL_DOWN) {
        this.known.delete(name);
        this.claims.observe(name, undefined, 'forgotten', now);
      } else if (silent > SILENCE && entry.standing === 'present') {
        entry.standing = 'absent';
        this.claims.observe(name, entry.claim, 'absent', now);
      }
    }
    this.claims.wake(now);
  }

  /** Takes what another knows, itself too. */
  hear(other: Node): void {
    const { now } = this.world;
    const news = [...other.known].concat([
      [other.name, { heartbeat: other.heartbeat, claim: other.claims.own, grewAt: now, standing: 'present' }],
    ]);
    for (const [name, theirs] of news) {
      if (name === this.name) {
        // What others know of an earlier life: this one must go on from there.
        this.heartbeat = Math.max(this.heartbeat, theirs.heartbeat + 1);
        continue;
      }
      const mine = this.known.get(name);
      if (mine && mine.heartbeat >= theirs.heartbeat) continue;
      const standing = now - theirs.grewAt > SILENCE ? 'absent' : 'present';
      this.known.set(name, { ...theirs, standing });
      this.claims.observe(name, theirs.claim, standing, now);
    }
  }
}

class World {
  readonly random: Random;
  readonly pool: SubnetPool;
  readonly nodes: Node[];
  now = 0;
  readonly faults: string[] = [];
  splitAt: number | undefined;
  /** Subnets that were held before the split that lasts now, with their owners. */
  before: { owner: Node; claim: Claim }[] = [];
  #releases: { loser: string; winner: string; subnet: string; at: number }[] = [];
  readonly #together = new Map<string, number>();

  constructor(seed: number) {
    this.random = seededRandom(seed);
    // In some runs there is a block for each node, and none to spare.
    const range = parsePrefix(seed % 3 === 0 ? '10.0.0.0/21' : '10.0.0.0/19');
    if (typeof range === 'string') throw new Error(range);
    this.pool = new SubnetPool([range], { 4: 24, 6: 64 });
    const nodes = Math.min(6 + this.below(14), this.pool.size);
    this.nodes = Array.from({ length: nodes }, (_, i) => new Node(this, `n${i}`));
  }

  below(n: number): number {
    return Math.floor(this.random() * n);
  }

  clockJump(): number {
    return [0, 0, 0, -86_400_000, 3_600_000][this.below(5)];
  }

  check(holds: boolean, what: string): void {
    if (!holds) this.faults.push(`${this.now} ms: ${what}`);
  }

  /** An owner from before the split never has to give its subnet up while it lasts; of two, one keeps it. */
  checkRelease(node: Node, claim: Claim, winner: string): void {
    const promised = this.before.some(({ owner, claim: held }) => owner === node && held === claim);
    const subnet = claim.podCidr.map(formatPrefix).join();
    this.check(!promised, `${node.name} loses ${subnet} to ${winner}, held before the split`);
    const recent = this.#releases.filter(({ at }) => this.now - at < BOUND);
    this.check(
      !recent.some((one) => one.loser === winner && one.winner === node.name && one.subnet === subnet),
      `${node.name} and ${winner} both give up ${subnet}`,
    );
    this.#releases = [...recent, { loser: node.name, winner, subnet, at: this.now }];
  }

  reach(one: Node, other: Node): boolean {
    return one.running && other.running && (this.splitAt === undefined || one.group === other.group);
  }

  step(): void {
    this.now += TICK;
    this.#faults();
    for (const node of this.nodes) if (node.running) node.tick();
    for (const node of this.nodes) if (node.running) this.#talk(node);
    this.#checkAll();
  }

  #talk(node: Node): void {
    if (node.joined && this.random() > 0.4) return;
    const others = this.nodes.filter((other) => other !== node && other.joined && this.reach(node, other));
    const other = others[this.below(others.length)];
    if (!other || this.random() < 0.1) return;
    node.hear(other);
    if (node.joined || this.random() < 0.9) other.hear(node);
    if (!node.joined) {
      node.joined = true;
      node.claims.start(this.now, true);
    }
  }

  #faults(): void {
    const dice = this.random();
    const node = this.nodes[this.below(this.nodes.length)];
    if (this.splitAt !== undefined) {
      if (this.now - this.splitAt > LONGEST_SPLIT || dice < 0.002) this.heal();
    } else if (dice < 0.003) this.#split();
    if (this.random() < 0.01) {
      if (!node.running) node.start();
      else if (this.nodes.filter(({ joined, running }) => joined && running).length > 2) node.crash();
    }
  }

  #split(): void {
    this.splitAt = this.now;
    for (const node of this.nodes) node.group = this.below(2);
    this.before = this.nodes.flatMap((owner) =>
      owner.held && this.now - owner.heldSince > KNOWN && this.#settled(owner) ? [{ owner, claim: owner.held }] : [],
    );
  }

  /** Everybody who runs has heard of it. */
  #settled({ name, held }: Node): boolean {
    return this.nodes.every(
      (node) => !node.joined || !node.running || node.name === name || node.known.get(name)?.claim === held,
    );
  }

  heal(): void {
    this.splitAt = undefined;
    this.before = [];
  }

  #checkAll(): void {
    for (const { owner, claim } of this.before) {
      for (const node of this.nodes) {
        if (node === owner || !node.held) continue;
        this.check(!claimsOverlap(node.held, claim), `${node.name} holds what ${owner.name} held before the split`);
      }
    }
    for (const [i, one] of this.nodes.entries()) {
      for (const other of this.nodes.slice(i + 1)) {
        const pair = `${one.name} ${other.name}`;
        const both = one.held && other.held && this.reach(one, other) && claimsOverlap(one.held, other.held);
        if (!both) this.#together.delete(pair);
        else if (!this.#together.has(pair)) this.#together.set(pair, this.now);
        this.check(this.now - (this.#together.get(pair) ?? this.now) <= BOUND, `${pair} hold one subnet for too long`);
      }
    }
  }
}

/** @returns what went wrong */
function run(seed: number): readonly string[] {
  const world = new World(seed);
  const [first] = world.nodes;
  first.start();
  first.joined = true;
  first.claims.start(0, false);
  for (let i = 0; i < 3000 && world.faults.length === 0; i++) world.step();
  // Quiet at the end: everybody runs, and everybody has a subnet of its own.
  world.heal();
  for (const node of world.nodes) if (!node.running) node.start();
  const quiet = world.now;
  while (world.now - quiet < 2 * BOUND && world.faults.length === 0) {
    world.now += TICK;
    for (const node of world.nodes) node.tick();
    for (const node of world.nodes) {
      const other = world.nodes[world.below(world.nodes.length)];
      if (other === node || !other.joined) continue;
      node.hear(other);
      other.hear(node);
      if (!node.joined) {
        node.joined = true;
        node.claims.start(world.now, true);
      }
    }
  }
  const held = world.nodes.flatMap(({ held: claim }) => (claim ? [claim] : []));
  world.check(held.length === world.nodes.length, `${held.length} of ${world.nodes.length} nodes have a subnet`);
  world.check(
    held.every((one, i) => held.slice(i + 1).every((other) => !claimsOverlap(one, other))),
    'two have the same',
  );
  return world.faults;
}

t.test('the promise on subnets', async (t) => {
  const only = process.env['SEED'];
  const first = only === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(only);
  const runs = only === undefined ? Number(process.env['RUNS'] ?? 60) : 1;
  t.comment(`${runs} runs from seed ${first} on`);
  for (let seed = first; seed < first + runs; seed++) {
    const faults = run(seed);
    if (faults.length > 0) t.fail(`SEED=${seed}: ${faults.slice(0, 3).join('; ')}`);
  }
  t.pass('held');
});
