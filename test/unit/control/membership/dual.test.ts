/** Nodes with underlay addresses of IPv4, of IPv6 and of both in one cluster, in virtual time. */
import t, { type Test } from 'tap';
import { underlayText } from '../../../../src/core/underlay.js';
import { address } from '../sample-config.js';
import { seen, TestCluster, type TestNode } from './cluster.js';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

function cluster(t: Test): TestCluster {
  t.comment(`SEED=${seed}`);
  return new TestCluster(seed);
}

/** The underlay that one node believes another to have. */
function underlay(by: TestNode, other: string): string {
  const view = [...by.membership.swim.members()].find(({ card }) => card.statement.node === other);
  return view ? underlayText(view.card.statement.underlay) : '';
}

/** Nothing passes between two nodes over this family. */
function cut(lab: TestCluster, one: TestNode, other: TestNode, family: 4 | 6, broken = true): void {
  const [a, b] = [one, other].map(({ endpoints }) => endpoints.find(({ address }) => address.family === family));
  if (a && b) lab.network.cut(a, b, broken);
}

t.test('an IPv4 node, an IPv6 node and one of both are one cluster', async (t) => {
  const lab = cluster(t);
  const both = await lab.start('both', { families: [4, 6] });
  const four = await lab.start('four', { families: [4], join: [both] });
  const six = await lab.start('six', { families: [6], join: [both] });
  const all = [both, four, six];
  const complete = () => all.every((node) => node.held && node.peers.length === 2);
  t.ok(await lab.time.until(complete, 5_000), 'all know all');
  t.equal(underlay(six, 'both'), '192.0.2.1 and 2001:db8::1', 'both addresses are told');
  await lab.time.pass(120_000);
  t.ok(
    all.every((one) => all.every((other) => seen(one, other.name) === 'alive')),
    'nobody is taken for dead for want of a common family',
  );
  t.notOk(all.some(({ events }) => events.recent().some(({ kind }) => kind === 'suspected')));
  t.equal(Math.max(...all.map(({ membership }) => membership.swim.awareness)), 0);

  await six.membership.close();
  t.ok(await lab.time.until(() => seen(four, 'six') === 'dead', 60_000), 'through helpers the dead are found');
  t.equal(seen(four, 'both'), 'alive');
});

t.test('who can be reached by nobody is dead, and back when somebody can', async (t) => {
  const lab = cluster(t);
  const both = await lab.start('both', { families: [4, 6] });
  const four = await lab.start('four', { families: [4], join: [both] });
  const six = await lab.start('six', { families: [6], join: [both] });
  await lab.time.until(() => seen(four, 'six') === 'alive' && seen(six, 'four') === 'alive', 5_000);
  cut(lab, both, six, 6);
  t.ok(await lab.time.until(() => seen(four, 'six') === 'dead', 60_000));
  cut(lab, both, six, 6, false);
  t.ok(await lab.time.until(() => seen(four, 'six') === 'alive' && seen(six, 'four') === 'alive', 60_000));
});

t.test('a family that does not carry between two nodes is left for the other', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha', { families: [4, 6] });
  const bravo = await lab.start('bravo', { families: [4, 6], join: [alpha] });
  await lab.time.pass(3_000);
  for (const family of [4, 6, 4] as const) {
    cut(lab, alpha, bravo, family);
    await lab.time.pass(60_000);
    t.equal(seen(alpha, 'bravo'), 'alive', `without IPv${family}`);
    t.equal(seen(bravo, 'alpha'), 'alive');
    cut(lab, alpha, bravo, family, false);
    await lab.time.pass(5_000);
  }
  const suspicions = alpha.events.recent().filter(({ kind }) => kind === 'suspected' || kind === 'failed');
  t.same(suspicions, [], 'and nobody was suspected meanwhile');
});

t.test('an address that is lost is told over the other family, and so is one that comes', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha', { families: [4, 6] });
  const bravo = await lab.start('bravo', { families: [4, 6], join: [alpha] });
  await lab.time.pass(3_000);
  const [, six] = bravo.endpoints.map(({ address }) => address);
  t.strictSame(await bravo.membership.move([six]), [six]);
  t.ok(await lab.time.until(() => underlay(alpha, 'bravo') === '2001:db8::2', 5_000));
  await lab.time.pass(30_000);
  t.equal(seen(alpha, 'bravo'), 'alive');
  const next = [address('192.0.2.99'), six];
  t.strictSame(await bravo.membership.move(next), next);
  t.ok(await lab.time.until(() => underlay(alpha, 'bravo') === '192.0.2.99 and 2001:db8::2', 5_000));

  lab.network.refuse({ address: address('192.0.2.50'), port: 7946 });
  t.strictSame(await bravo.membership.move([address('192.0.2.50'), six]), [six], 'one that cannot be had is left out');
  t.ok(await lab.time.until(() => underlay(alpha, 'bravo') === '2001:db8::2', 5_000));
  t.equal(seen(alpha, 'bravo'), 'alive');
});

t.test('joining: a seed of either family, by address or by name', async (t) => {
  const lab = cluster(t);
  const four = await lab.start('four', { families: [4] });
  lab.names.set('seed.example', []);
  const named = await lab.start('named', { families: [4, 6], join: [{ host: 'seed.example', port: 7946 }] });
  await lab.time.pass(10_000);
  t.notOk(named.membership.joined, 'a name without an address is nobody, and founds nothing');
  t.match(named.events.recent().at(-1)?.message, /join names no other node that has an address/);
  lab.names.set('seed.example', [{ address: address('2001:db8::77'), port: 7946 }, four.endpoint]);
  t.ok(await lab.time.until(() => seen(four, 'named') === 'alive', 15_000), 'until it has one');

  const six = await lab.start('six', { families: [6], join: [four, named] });
  t.ok(await lab.time.until(() => seen(four, 'six') === 'alive', 10_000), 'seeds of another family are passed over');
  const lost = await lab.start('lost', { families: [6], join: [four] });
  await lab.time.pass(5_000);
  t.match(lost.events.recent().at(-1)?.message, /192\.0\.2\.1:7946: this node has no underlay address of that family/);
  t.equal(seen(six, 'four'), 'alive');
});
