/** Randomness is injected everywhere, so that a seed replays a run. */

/** Returns a number, 0 <= x < 1. */
export type Random = () => number;

/** A small seeded generator (a 32-bit state walked by a Weyl sequence, then mixed): for faults and tests, never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  };
}
