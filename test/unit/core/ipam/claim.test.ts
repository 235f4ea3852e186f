import t from 'tap';
import { byPrecedence, type Claimant, claimsOverlap, ownersOf } from '../../../../src/core/ipam/claim.js';
import { type Random, seededRandom } from '../../../../src/core/random.js';
import { type Prefix, parsePrefix } from '../../../../src/wire/address.js';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

function claimant(node: string, epoch: number, ...podCidr: string[]): Claimant {
  return { node, claim: { epoch, podCidr: podCidr.map(prefix) } };
}

t.test('who goes first', async (t) => {
  const order = [claimant('z', 0), claimant('b', 1), claimant('a', 2), claimant('b', 2)];
  t.same([...order].reverse().sort(byPrecedence), order, 'by hand, older, by name');
  t.ok(claimsOverlap(claimant('a', 1, '10.0.0.0/23').claim, claimant('b', 1, 'fd00::/64', '10.0.1.0/24').claim));
  t.notOk(claimsOverlap(claimant('a', 1, '10.0.0.0/24').claim, claimant('b', 1, '10.0.1.0/24').claim));
});

t.test('a loser loses all, and stands in nobody’s way', async (t) => {
  const claims = [
    claimant('old', 1, '10.0.0.0/24'),
    claimant('young', 2, '10.0.0.0/24', 'fd00::/64'),
    claimant('third', 3, '10.0.9.0/24', 'fd00::/64'),
    claimant('none', 1),
  ];
  t.same([...ownersOf(claims)].sort(), ['old', 'third']);
});

/** The same by comparing each with all that were taken. */
function naiveOwners(claimants: readonly Claimant[]): string[] {
  const owners: Claimant[] = [];
  for (const one of [...claimants].sort(byPrecedence)) {
    if (one.claim.podCidr.length > 0 && !owners.some(({ claim }) => claimsOverlap(claim, one.claim))) owners.push(one);
  }
  return owners.map(({ node }) => node).sort();
}

function randomClaims(random: Random): Claimant[] {
  const below = (n: number) => Math.floor(random() * n);
  return Array.from({ length: 1 + below(40) }, (_, i) => {
    const v4 = () => {
      const length = 20 + below(9);
      return `10.${below(2)}.${below(16) & (0xff << Math.max(0, 24 - length))}.${length > 24 ? (below(4) << (32 - length)) & 0xff : 0}/${length}`;
    };
    const v6 = () => {
      const length = 60 + below(5);
      return `fd00:0:0:${(below(32) & (0xffff << (64 - length))).toString(16)}::/${length}`;
    };
    const podCidr = [[v4()], [v6()], [v4(), v6()], []][below(4)];
    return claimant(`n${i}`, below(4), ...podCidr);
  });
}

t.test('as a naive twin has it, in whatever order it was heard', async (t) => {
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  for (let run = 0; run < 500; run++) {
    const claims = randomClaims(random);
    const expected = naiveOwners(claims);
    t.same([...ownersOf(claims)].sort(), expected);
    const shuffled = claims.map((claim) => ({ claim, at: random() })).sort((a, b) => a.at - b.at);
    t.same([...ownersOf(shuffled.map(({ claim }) => claim))].sort(), expected);
  }
});

t.test('a large cluster', async (t) => {
  const claims = Array.from({ length: 16_384 }, (_, i) => claimant(`n${i}`, i, `10.${i >> 8}.${i & 255}.0/24`));
  t.equal(ownersOf(claims).size, 16_384);
});
