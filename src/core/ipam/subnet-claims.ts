/**
 * How a node gets its subnet without a server: it claims a block of the cluster's range that nobody claims, as far as it
 * knows, and gives way where another's claim goes before its own.
 *
 * ```
 *             start                nobody objects
 *   waiting ----------> settling ------------------> held
 *                        |  ^  ^                      |
 *       none is free     |  |  +---- choose anew <----+  a claim that goes before ours:
 *   exhausted <----------+  |                            it stops forwarding first
 *       |                   |
 *       +-------------------+  one may be free again
 * ```
 *
 * What is promised: a subnet that was held before the network split keeps its owner throughout, as long as the split is
 * shorter than the time that absent nodes are remembered. Two sides of a split may claim one block anew, neither can
 * know; when it heals, the older claim stays and the other node gives way as soon as gossip has brought it the news. So
 * among nodes that reach each other no collision outlives the time that gossip takes to reach all, with one exchange of
 * full states at most. Nodes that start at the same moment find collisions while they settle, before anything is sent.
 */
import { createHash } from 'node:crypto';
import { byPrecedence, type Claim, claimsOverlap, LAST_EPOCH } from './claim.js';
import type { SubnetPool } from './subnet-pool.js';

/** How long a new claim waits for objections, ms: three rounds of gossip. */
const SETTLE = 600;

/** `absent`: dead or left, and remembered: it may come back, so what it claimed is kept for it. */
export type Standing = 'present' | 'absent' | 'forgotten';

export type ClaimState = 'waiting' | 'settling' | 'held' | 'exhausted';

export interface PoolUsage {
  /** Blocks in all, and those of nodes that are there, of nodes that are away, of nobody. */
  readonly total: number;
  readonly used: number;
  readonly kept: number;
  readonly free: number;
}

/** Calls come from within this machine's own methods, and must not call back into it. */
export interface ClaimOutputs {
  /** To be told to the others; undefined: no claim. */
  announce(claim: Claim | undefined): void;
  /** It is ours: forward from now on. */
  hold(claim: Claim): void;
  /** It is not any more: stop forwarding, now. Another is announced afterwards. */
  release(claim: Claim, winner: string): void;
  /** No block is free; it is tried again as soon as one may be. */
  exhausted(usage: PoolUsage): void;
}

export interface SubnetClaimsOptions {
  /** This node's name. */
  readonly self: string;
  readonly pool: SubnetPool;
  /** What it held in an earlier life, and how long ago that was, ms, by a clock that people may set. */
  readonly remembered?: Claim & { readonly absentMs: number };
  /** How long absent nodes are remembered by everybody, ms. */
  readonly coolDownMs: number;
  readonly settleMs?: number;
  readonly outputs: ClaimOutputs;
}

interface Other {
  readonly claim: Claim;
  readonly present: boolean;
}

export class SubnetClaims {
  readonly #options: SubnetClaimsOptions;
  readonly #others = new Map<string, Other>();
  #own: Claim | undefined;
  #state: ClaimState = 'waiting';
  #started = false;
  #settledAt = Number.POSITIVE_INFINITY;
  #highestEpoch: number;

  constructor(options: SubnetClaimsOptions) {
    this.#options = options;
    this.#highestEpoch = options.remembered?.epoch ?? 0;
  }

  get state(): ClaimState {
    return this.#state;
  }

  /** Claimed, held or not. */
  get own(): Claim | undefined {
    return this.#own;
  }

  /**
   * What another node claims, and whether it is there. To be told of every node, also before `start`.
   * @param now ms, monotonic, as everywhere here
   */
  observe(node: string, claim: Claim | undefined, standing: Standing, now: number): void {
    if (node === this.#options.self) return;
    const before = this.#others.get(node);
    const after = standing === 'forgotten' ? undefined : heldBy(claim, before, standing);
    if (after) this.#others.set(node, after);
    else this.#others.delete(node);
    if (claim) this.#highestEpoch = Math.max(this.#highestEpoch, claim.epoch);
    if (!this.#started) return;
    if (this.#state === 'exhausted' && before && before.claim !== after?.claim) {
      this.#choose(now, this.#options.settleMs ?? SETTLE);
      // While it settles nothing was sent yet, so it leaves the block to an absent owner too: that one may return.
    } else if (claim && (standing === 'present' || (standing === 'absent' && this.#state === 'settling'))) {
      this.#contest(node, claim, now);
    }
  }

  /**
   * From now on it claims: the states of others were merged, or there are none.
   * @param others whether there are any: with none, there is nobody to object
   */
  start(now: number, others: boolean): void {
    if (this.#started) return;
    this.#started = true;
    const { remembered, coolDownMs } = this.#options;
    // What it may have lost meanwhile it does not take back: who has it now was right to think it free.
    if (remembered && !this.#taken(remembered)) {
      // Only a clock that makes sense proves that it was kept for us all the time.
      const kept = remembered.absentMs >= 0 && remembered.absentMs <= coolDownMs;
      this.#announce({ podCidr: remembered.podCidr, epoch: kept ? remembered.epoch : this.#nextEpoch() });
      this.#hold();
      return;
    }
    this.#choose(now, others ? (this.#options.settleMs ?? SETTLE) : 0);
  }

  wake(now: number): void {
    if (this.#state === 'settling' && this.#settledAt <= now) this.#hold();
  }

  /** When `wake` wants to be called, ms. */
  wakeAt(): number {
    return this.#state === 'settling' ? this.#settledAt : Number.POSITIVE_INFINITY;
  }

  /** The node goes for good: its subnet is free for others at once. It claims nothing any more. */
  giveBack(): void {
    this.#started = false;
    this.#state = 'waiting';
    this.#announce(undefined);
  }

  usage(): PoolUsage {
    const own = this.#own ? [{ claim: this.#own, present: true }] : [];
    return poolUsage(this.#options.pool, [...this.#others.values(), ...own]);
  }

  /** Another node claims something: if it overlaps ours, one of the two gives way, and both know which. */
  #contest(node: string, claim: Claim, now: number): void {
    const own = this.#own;
    if (!own || !claimsOverlap(own, claim)) return;
    if (byPrecedence({ node: this.#options.self, claim: own }, { node, claim }) < 0) return;
    if (this.#state === 'held') this.#options.outputs.release(own, node);
    this.#choose(now, this.#options.settleMs ?? SETTLE);
  }

  /** Begins at a place of its own, so that nodes that choose at the same time seldom meet, and finds the same again. */
  #choose(now: number, settleMs: number): void {
    const { pool, self, outputs } = this.#options;
    const taken = new Set<number>();
    for (const { claim } of this.#others.values()) for (const index of pool.indexes(claim.podCidr)) taken.add(index);
    if (taken.size >= pool.size) {
      if (this.#own) this.#announce(undefined);
      if (this.#state !== 'exhausted') outputs.exhausted(this.usage());
      this.#state = 'exhausted';
      return;
    }
    let index = createHash('sha256').update(self).digest().readUInt32BE() % pool.size;
    while (taken.has(index)) index = (index + 1) % pool.size;
    this.#state = 'settling';
    this.#settledAt = now + settleMs;
    this.#announce({ podCidr: pool.at(index), epoch: this.#nextEpoch() });
  }

  #announce(claim: Claim | undefined): void {
    this.#own = claim;
    if (claim) this.#highestEpoch = Math.max(this.#highestEpoch, claim.epoch);
    this.#options.outputs.announce(claim);
  }

  #hold(): void {
    this.#state = 'held';
    this.#settledAt = Number.POSITIVE_INFINITY;
    if (this.#own) this.#options.outputs.hold(this.#own);
  }

  #taken(claim: Claim): boolean {
    return [...this.#others.values()].some((other) => claimsOverlap(other.claim, claim));
  }

  #nextEpoch(): number {
    return Math.min(this.#highestEpoch + 1, LAST_EPOCH);
  }
}

/**
 * What is kept for a node that is not forgotten. One that is there and claims nothing has just come back, and will claim
 * again what it had; one that has gone and claims nothing has given it back.
 */
function heldBy(claim: Claim | undefined, before: Other | undefined, standing: Standing): Other | undefined {
  if (claim) return { claim, present: standing === 'present' };
  return before && standing === 'present' ? { ...before, present: false } : undefined;
}

/** How many blocks of a pool these claims take. */
export function poolUsage(pool: SubnetPool, claims: Iterable<Other>): PoolUsage {
  const used = new Set<number>();
  const kept = new Set<number>();
  for (const { claim, present } of claims) {
    for (const index of pool.indexes(claim.podCidr)) (present ? used : kept).add(index);
  }
  for (const index of used) kept.delete(index);
  return { total: pool.size, used: used.size, kept: kept.size, free: pool.size - used.size - kept.size };
}
