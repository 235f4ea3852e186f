/** What this node says of itself, signed anew whenever it changes. */
import type { Claim } from '../../core/ipam/claim.js';
import type { SignedStatement, Statement } from '../../wire/gossip/statement.js';

/** All of a statement but what the protocol adds. */
export type OwnFacts = Omit<Statement, 'incarnation'>;

/** The identity's signature under what it says. */
export type Sign = (statement: Statement) => SignedStatement;

/** To everybody a node that was away for no longer still has its subnet, ms; a note of it may be half a minute old. */
const BACK_SOON = 120_000;

/**
 * A clock that is right within this is no reason to drop anything, s. An accusation moves its node that far ahead of the
 * clock, and no farther: what comes on top it has to refute one by one, and two thousand million would be left.
 */
const CLOCKS_DIFFER = 366 * 86_400;
/** No node begins above it, whatever its clock says: above it there is room for refutations, beyond a clock's year too. */
const LAST_TO_BEGIN_WITH = 2 ** 32 - 2 ** 26;

/**
 * To begin with: seconds since 1970, which grow faster than refutations. If the clock was set back, the others object, as to
 * an accusation.
 */
export function firstIncarnation(wallMs: number): number {
  return Math.max(0, Math.min(Math.floor(wallMs / 1000), LAST_TO_BEGIN_WITH));
}

/** What a node can have come to by itself. */
export function latestIncarnation(wallMs: number): number {
  return firstIncarnation(wallMs) + CLOCKS_DIFFER;
}

export class OwnCard {
  readonly #sign: Sign;
  #facts: OwnFacts;
  #signed: SignedStatement;

  /** @param incarnation to begin with, above those of all earlier lives: of one incarnation there is one card */
  constructor(facts: OwnFacts, sign: Sign, incarnation: number) {
    this.#facts = facts;
    this.#sign = sign;
    this.#signed = sign({ ...facts, incarnation });
  }

  get facts(): OwnFacts {
    return this.#facts;
  }

  get signed(): SignedStatement {
    return this.#signed;
  }

  /** The same, or something else, under another incarnation. */
  renew(incarnation: number, changes: Partial<OwnFacts> = {}): SignedStatement {
    this.#facts = { ...this.#facts, ...changes };
    this.#signed = this.#sign({ ...this.#facts, incarnation });
    return this.#signed;
  }
}

/** What a claim of subnets puts into the card. */
export function claimFacts(claim: Claim | undefined): Pick<OwnFacts, 'podCidr' | 'epoch'> {
  return { podCidr: claim?.podCidr ?? [], epoch: claim?.epoch ?? 0 };
}

/**
 * What a node says of itself while it joins. If it said that it has no subnet, the others would stop sending to it until it
 * has claimed it again: so one that is back soon says at once what it had.
 * @param forgetAfter how long the others keep it for a node that is away, ms
 */
export function firstFacts(
  facts: OwnFacts,
  remembered: (Claim & { readonly absentMs: number }) | undefined,
  forgetAfter: number,
): OwnFacts {
  if (!remembered || facts.podCidr.length > 0) return facts;
  const soon = remembered.absentMs >= 0 && remembered.absentMs <= Math.min(BACK_SOON, forgetAfter);
  return soon ? { ...facts, ...claimFacts(remembered) } : facts;
}
