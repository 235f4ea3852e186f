import fc from 'fast-check';
import t from 'tap';
import { Owners, PrefixOwners } from '../../../src/core/one-owner.js';
import { formatPrefix, type Prefix, parseAddress, prefixContains, prefixOf } from '../../../src/wire/address.js';

t.test('who claims first has it, as often as he likes', async (t) => {
  const owners = new Owners<string>();
  t.strictSame(
    [
      owners.claim('x', 'bravo'),
      owners.claim('x', 'bravo'),
      owners.claim('x', 'charlie'),
      owners.claim('y', 'charlie'),
    ],
    [undefined, undefined, 'bravo', undefined],
  );
});

const address = fc.tuple(fc.constantFrom('10.0', '10.1'), fc.nat(3), fc.nat(3)).map(([net, a, b]) => {
  const parsed = parseAddress(`${net}.${a}.${b * 64}`);
  if (!parsed) throw new Error('no address');
  return parsed;
});
const prefix = fc.tuple(address, fc.integer({ min: 8, max: 32 })).map(([at, length]) => prefixOf(at, length));
const owned = fc.record({ owner: fc.nat(4), prefix });

/** The largest first, and of two that are the same the one that came first: each with each. */
function naive(all: readonly { owner: number; prefix: Prefix }[], inner: Prefix, owner: number): string | undefined {
  const firsts = all.filter(
    (one, i) => all.findIndex((other) => formatPrefix(other.prefix) === formatPrefix(one.prefix)) === i,
  );
  const [holder] = firsts
    .filter((one) => one.owner !== owner && one.prefix.length <= inner.length && prefixContains(one.prefix, inner))
    .sort((one, other) => one.prefix.length - other.prefix.length);
  return holder && `${holder.owner} ${formatPrefix(holder.prefix)}`;
}

t.test('who holds a prefix is the same as by looking at each', async (t) => {
  fc.assert(
    fc.property(fc.array(owned, { maxLength: 12 }), (all) => {
      const owners = new PrefixOwners<number>();
      for (const one of all) owners.add(one.prefix, one.owner);
      return all.every((one) => {
        const found = owners.holder(one.prefix, one.owner);
        return (found && `${found.owner} ${formatPrefix(found.prefix)}`) === naive(all, one.prefix, one.owner);
      });
    }),
    { numRuns: 1000 },
  );
  t.pass();
});
