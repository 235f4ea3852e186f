import t, { type Test } from 'tap';
import { Identity } from '../../../../src/core/identity.js';
import { formatAddress, formatPrefix } from '../../../../src/wire/address.js';
import { encodePacket } from '../../../../src/wire/gossip/packet.js';
import { address } from '../sample-config.js';
import { seen, subnet, TestCluster, type TestNode } from './cluster.js';
import { card } from './sample-card.js';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

function cluster(t: Test): TestCluster {
  t.comment(`SEED=${seed}`);
  return new TestCluster(seed);
}

t.test('nodes join, hold subnets of their own, and know each other', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  await lab.time.pass(0);
  t.ok(alpha.held, 'the first node holds a subnet at once');
  const others: TestNode[] = [];
  for (const name of ['bravo', 'charlie', 'delta', 'echo']) others.push(await lab.start(name, { join: [alpha] }));
  const all = [alpha, ...others];
  const complete = () => all.every((node) => node.held && node.peers.length === all.length - 1);
  t.ok(await lab.time.until(complete, 3_000), 'all within three seconds');
  t.equal(new Set(all.map(subnet)).size, all.length, all.map(subnet).join(' '));
  t.ok(all.every((one) => all.every((other) => seen(one, other.name) === 'alive')));
  await lab.time.pass(60_000);
  t.ok(
    all.every((one) => all.every((other) => seen(one, other.name) === 'alive')),
    'and a minute later',
  );
  t.ok(all.every(({ acts }) => acts.filter((act) => act.startsWith('hold')).length === 1 || acts.length > 1));
});

t.test('a node that dies, and comes back', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  const identity = Identity.generate();
  const bravo = await lab.start('bravo', { join: [alpha] });
  const charlie = await lab.start('charlie', { join: [alpha], identity, host: 77 });
  await lab.time.pass(3_000);
  const before = charlie.held;
  await charlie.membership.close();
  t.ok(await lab.time.until(() => seen(alpha, 'charlie') === 'dead' && seen(bravo, 'charlie') === 'dead', 60_000));
  await lab.time.pass(100);
  t.same(alpha.peers, ['bravo'], 'it carries no traffic any more');

  const again = await lab.start('charlie', {
    join: [bravo],
    identity,
    host: 77,
    ...(before && { remembered: { ...before, absentMs: 60_000 } }),
  });
  t.ok(await lab.time.until(() => seen(alpha, 'charlie') === 'alive', 5_000));
  t.same(again.held, before, 'it has its subnet again');
  await lab.time.pass(100);
  t.same(alpha.peers, ['bravo', 'charlie']);
});

t.test('a node that is back with other words before anybody missed it is heard', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  const identity = Identity.generate();
  const bravo = await lab.start('bravo', { join: [alpha], identity, host: 77, podCidr: ['10.244.8.0/24'] });
  await lab.time.pass(3_000);
  await bravo.membership.close();
  await lab.time.pass(100);
  const again = await lab.start('bravo', { join: [alpha], identity, host: 77, podCidr: ['10.244.9.0/24'] });
  const heard = () =>
    [...alpha.membership.present()]
      .filter(({ card }) => card.statement.node === 'bravo')
      .map(({ card }) => card.statement.podCidr.map(formatPrefix).join());
  await lab.time.until(() => heard()[0] === subnet(again), 60_000);
  t.strictSame(heard(), ['10.244.9.0/24']);
});

t.test('a node that is back soon never lacks its subnet in the eyes of others', async (t) => {
  for (const away of [0, 500, 119_000, 121_000]) {
    const lab = cluster(t);
    const alpha = await lab.start('alpha');
    const identity = Identity.generate();
    const bravo = await lab.start('bravo', { join: [alpha], identity, host: 77 });
    await lab.time.pass(3_000);
    const before = bravo.held;
    await bravo.membership.close();
    const again = await lab.start('bravo', {
      join: [alpha],
      identity,
      host: 77,
      ...(before && { remembered: { ...before, absentMs: away } }),
    });
    const heard = new Set<string>();
    for (let step = 0; step < 500; step++) {
      await lab.time.pass(1);
      const there = [...alpha.membership.present()].find(({ card }) => card.statement.node === 'bravo');
      heard.add((there?.card.statement.podCidr ?? []).map(formatPrefix).join());
    }
    t.equal(subnet(again), (before?.podCidr ?? []).map(formatPrefix).join());
    t.strictSame(
      [...heard].filter((text) => text !== subnet(again)),
      away > 120_000 ? [''] : [],
      `${away} ms`,
    );
  }
});

t.test('a split of any length heals', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  const nodes = [alpha];
  for (const name of ['bravo', 'charlie', 'delta']) nodes.push(await lab.start(name, { join: [alpha] }));
  await lab.time.pass(3_000);
  const held = nodes.map(subnet);
  const [left, right] = [nodes.slice(0, 2), nodes.slice(2)];
  const cut = (on: boolean) => {
    for (const one of left) for (const other of right) lab.network.cut(one.endpoint, other.endpoint, on);
  };
  cut(true);
  t.ok(
    await lab.time.until(() => left.every((one) => right.every((other) => seen(one, other.name) === 'dead')), 120_000),
  );
  await lab.time.pass(600_000);
  cut(false);
  const whole = () => nodes.every((one) => nodes.every((other) => seen(one, other.name) === 'alive'));
  t.ok(await lab.time.until(whole, 60_000), 'all see all');
  t.same(nodes.map(subnet), held, 'and nobody lost its subnet');
  t.ok(nodes.every(({ acts }) => !acts.some((act) => act.startsWith('release'))));
});

t.test('two sides of a split that claim one block: one stays, the other stops first and claims anew', async (t) => {
  const lab = cluster(t);
  const options = { clusterCidr: '10.244.0.0/23' };
  const alpha = await lab.start('alpha', options);
  await lab.time.pass(100);
  // Two blocks, one is alpha's: whoever else founds a cluster takes one of the same two.
  const bravo = await lab.start('bravo', {
    ...options,
    remembered: { podCidr: alpha.held?.podCidr ?? [], epoch: 1, absentMs: 0 },
  });
  await lab.time.pass(100);
  t.equal(subnet(alpha), subnet(bravo), 'both hold it');
  bravo.membership.setJoin([alpha.endpoint]);
  t.ok(await lab.time.until(() => subnet(bravo) !== '' && subnet(bravo) !== subnet(alpha), 60_000));
  t.match(
    bravo.acts.slice(-2).map((act) => act.split(' ')[0]),
    ['release', 'hold'],
  );
  t.equal(alpha.acts.length, 1, 'alpha, whose name goes first, noticed nothing');
  t.ok(
    bravo.events.recent().some(({ kind }) => kind === 'subnet-lost'),
    'loudly',
  );
});

t.test('who may not be who it says', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  const bravo = await lab.start('bravo', { join: [alpha] });
  await lab.time.pass(3_000);

  const impostor = await lab.start('bravo', { join: [alpha] });
  await lab.time.pass(1_000);
  t.match(impostor.refused, /the name bravo is that of a node at 192\.0\.2\.2:7946/);
  t.ok(
    alpha.events.recent().some(({ kind, message }) => kind === 'conflict' && /bravo/.test(message)),
    'alpha tells',
  );
  t.match(impostor.refused, /: take another with --node/);
  await impostor.membership.close();

  const taker = await lab.start('delta', { join: [alpha], podCidr: [subnet(bravo)] });
  await lab.time.pass(1_000);
  t.match(taker.refused, /overlaps the subnet of bravo/);
  t.ok(
    alpha.events.recent().some(({ kind, message }) => kind === 'conflict' && /delta/.test(message)),
    'alpha tells',
  );
  await taker.membership.close();
  await lab.time.pass(5_000);
  t.equal(seen(bravo, 'delta'), undefined);
  t.equal(seen(alpha, 'bravo'), 'alive');

  const stranger = await lab.start('echo', { join: [alpha], key: Buffer.alloc(32, 9) });
  await lab.time.pass(10_000);
  t.notOk(stranger.held, 'another key does not admit');
  t.equal(seen(alpha, 'echo'), undefined);
  t.match(stranger.events.recent().at(-1)?.message, /no node lets us in yet/);
});

t.test('leaving', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  const bravo = await lab.start('bravo', { join: [alpha] });
  const charlie = await lab.start('charlie', { join: [alpha] });
  await lab.time.pass(3_000);
  void bravo.membership.leave(false);
  t.ok(await lab.time.until(() => seen(alpha, 'bravo') === 'left' && seen(charlie, 'bravo') === 'left', 2_000));
  t.equal(alpha.membership.claims?.usage().kept, 1, 'its subnet is kept for it');
  void charlie.membership.leave(true);
  t.ok(await lab.time.until(() => seen(alpha, 'charlie') === 'left', 2_000));
  t.equal(alpha.membership.claims?.usage().kept, 1, "charlie's was given back");
});

t.test('when no subnet is free, it is said, and tried again', async (t) => {
  const lab = cluster(t);
  const options = { clusterCidr: '10.244.0.0/23' };
  const alpha = await lab.start('alpha', options);
  const bravo = await lab.start('bravo', { join: [alpha], ...options });
  await lab.time.pass(3_000);
  const charlie = await lab.start('charlie', { join: [alpha], ...options });
  await lab.time.pass(3_000);
  t.notOk(charlie.held);
  t.match(
    charlie.events
      .recent()
      .map(({ message }) => message)
      .join(),
    /no subnet is free: of 2, 2 are in use/,
  );
  void bravo.membership.leave(true);
  t.ok(await lab.time.until(() => charlie.held !== undefined, 5_000), 'as soon as there is one');
});

t.test('an address that changes is told', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  const bravo = await lab.start('bravo', { join: [alpha] });
  await lab.time.pass(3_000);
  await bravo.membership.move([address('192.0.2.99')]);
  t.ok(
    await lab.time.until(() => {
      const views = [...alpha.membership.swim.members()];
      return views.some(
        ({ card }) => card.statement.node === 'bravo' && card.statement.underlay[0].words[3] === (0xc0000263 | 0),
      );
    }, 3_000),
  );
  await lab.time.pass(30_000);
  t.equal(seen(alpha, 'bravo'), 'alive');
});

t.test('full packets between nodes with the longest names', async (t) => {
  const lab = cluster(t);
  const name = (i: number) => `node-${i}-`.padEnd(63, 'x');
  const alpha = await lab.start(name(0));
  const others: TestNode[] = [];
  for (let i = 1; i < 20; i++) others.push(await lab.start(name(i), { join: [alpha] }));
  const all = [alpha, ...others];
  t.ok(await lab.time.until(() => all.every(({ peers }) => peers.length === 19), 20_000), 'all know all');
});

t.test('a flood of cards that are refused leaves nothing behind', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  const bravo = await lab.start('bravo', { join: [alpha] });
  await lab.time.pass(3_000);
  const before = { size: alpha.membership.swim.size, next: alpha.membership.directory.intern('next') };
  alpha.membership.directory.release(before.next);
  for (let i = 0; i < 300; i++) {
    // Signed and sealed as it should be, at an address that is bravo's.
    const taker = card(`taker${i}`, { underlay: formatAddress(bravo.endpoint.address) });
    const packet = encodePacket({ from: 'bravo', updates: [{ kind: 'alive', card: taker }] });
    alpha.membership.deliver(packet, bravo.endpoint);
  }
  t.equal(alpha.membership.swim.size, before.size);
  t.equal(alpha.membership.directory.intern('next'), before.next, 'their numbers are free again');
  t.equal(alpha.membership.swim.counts.conflicts, 300);
  t.ok(alpha.events.recent().length <= 256);
});

t.test('what is delivered and cannot be read is counted', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  await lab.time.pass(100);
  const signed = card('bravo');
  const unsigned = { ...signed, signature: card('charlie').signature };
  alpha.membership.deliver(Buffer.from('noise'), alpha.endpoint);
  alpha.membership.deliver(
    encodePacket({ from: 'bravo', updates: [{ kind: 'alive', card: unsigned }] }),
    alpha.endpoint,
  );
  t.same(alpha.membership.counts, { unreadablePackets: 1, unreadableUpdates: 0, unvouched: 1 });
  t.equal(seen(alpha, 'bravo'), undefined);
});

/** How a node has another in its table. */
function held(by: TestNode, other: string) {
  return [...by.membership.swim.members()].find(({ node }) => by.membership.directory.name(node) === other);
}

t.test('no accusation takes a node to the end of its incarnations', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  const bravo = await lab.start('bravo', { join: [alpha] });
  await lab.time.pass(3_000);
  const accuse = (incarnation: number) => {
    const updates = [{ kind: 'suspect', node: 'alpha', incarnation, from: 'bravo' }] as const;
    alpha.membership.deliver(encodePacket({ from: 'bravo', updates }), bravo.endpoint);
  };
  const before = alpha.membership.card.statement.incarnation;
  const year = 366 * 86_400;
  for (const incarnation of [2 ** 32 - 1, 2 ** 32 - 2, before + 2 * year]) accuse(incarnation);
  t.equal(alpha.membership.card.statement.incarnation, before);
  t.equal(alpha.membership.swim.counts.impossibleIncarnations, 3);
  accuse(before + 5);
  t.equal(alpha.membership.card.statement.incarnation, before + 6, 'one that is possible it refutes');
  alpha.membership.change({ vxlanPort: 9999 });
  await lab.time.pass(2_000);
  t.match(held(bravo, 'alpha'), { state: 0, incarnation: before + 7, card: { statement: { vxlanPort: 9999 } } });
});

t.test('clocks that are wrong: nodes come back, change and leave as with right ones', async (t) => {
  for (const [first, then] of [
    [1_000, 0],
    [0, 1_000],
    [0, Date.UTC(2200, 0, 1)],
    [Date.UTC(2200, 0, 1), 0],
    [0, -1_000],
  ]) {
    const lab = cluster(t);
    const wall = lab.time.wall.bind(lab.time);
    // 0: the clock is right.
    const set = (to: number) => {
      lab.time.wall = to === 0 ? wall : () => to;
    };
    set(first);
    const alpha = await lab.start('alpha');
    const identity = Identity.generate();
    const bravo = await lab.start('bravo', { join: [alpha], identity, host: 77 });
    await lab.time.pass(3_000);
    await bravo.membership.close();
    set(then);
    if (first > 0) await lab.time.until(() => seen(alpha, 'bravo') === 'dead', 60_000);
    const again = await lab.start('bravo', { join: [alpha], identity, host: 77 });
    again.membership.change({ vxlanPort: 9999 });
    await lab.time.pass(15_000);
    t.match(held(alpha, 'bravo'), { state: 0, card: { statement: { vxlanPort: 9999 } } }, `${first}, then ${then}`);
    t.equal(seen(again, 'alpha'), 'alive');
    again.membership.change({ vxlanPort: 8888 });
    await lab.time.pass(2_000);
    t.match(held(alpha, 'bravo'), { card: { statement: { vxlanPort: 8888 } } });
    t.ok([alpha, again].every(({ events }) => events.recent().every(({ kind }) => kind !== 'incarnations-spent')));
    const left = again.membership.leave(false);
    await lab.time.pass(2_000);
    await left;
    t.equal(seen(alpha, 'bravo'), 'left');
    await alpha.membership.close();
  }
});

t.test('a move to an address that cannot be had is told, and another may follow', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  const bravo = await lab.start('bravo', { join: [alpha] });
  await lab.time.pass(3_000);
  const nowhere = address('192.0.2.50');
  lab.network.refuse({ address: nowhere, port: 7946 });
  await t.rejects(bravo.membership.move([nowhere]), { message: /192\.0\.2\.50/ });
  await lab.time.pass(2_000);
  await bravo.membership.move([address('192.0.2.99')]);
  t.ok(
    await lab.time.until(() => seen(alpha, 'bravo') === 'alive' && seen(bravo, 'alpha') === 'alive', 10_000),
    'it is back',
  );
});

t.test('who follows a dead node at its address waits until that is given up', async (t) => {
  const lab = cluster(t);
  const alpha = await lab.start('alpha');
  const former = await lab.start('former', { join: [alpha], host: 50 });
  await lab.time.pass(3_000);
  await former.membership.close();
  const successor = await lab.start('successor', { join: [alpha], host: 50 });
  await lab.time.pass(1_000);
  t.notOk(successor.held);
  t.match(successor.events.recent().at(-1)?.message, /refuses this node: 192\.0\.2\.50:7946 is the address of former/);
  t.ok(await lab.time.until(() => successor.held !== undefined, 30_000));
  t.ok(await lab.time.until(() => seen(alpha, 'successor') === 'alive', 10_000));
  t.equal(successor.refused, undefined);
});

t.test('closing at any time leaves no timer behind, and nothing is held after it', async (t) => {
  for (const at of [0, 1, 2, 5, 10, 100, 2_500]) {
    const lab = cluster(t);
    const alpha = await lab.start('alpha');
    const former = await lab.start('former', { join: [alpha], host: 50 });
    await lab.time.pass(2_000);
    await former.membership.close();
    const successor = await lab.start('successor', { join: [alpha], host: 50 });
    const charlie = await lab.start('charlie', { join: [alpha] });
    await lab.time.pass(at);
    const acts = charlie.acts.length;
    const ends = [charlie.membership.close(), successor.membership.leave(false)];
    await lab.time.pass(1_000);
    await Promise.all(ends);
    await alpha.membership.close();
    await lab.time.pass(10);
    t.equal(lab.time.waiting, 0, `after ${at} ms`);
    t.equal(charlie.acts.length, acts);
  }
});
