import t from 'tap';
import type { Claim } from '../../../../src/core/ipam/claim.js';
import { SubnetClaims, type SubnetClaimsOptions } from '../../../../src/core/ipam/subnet-claims.js';
import { SubnetPool } from '../../../../src/core/ipam/subnet-pool.js';
import { formatPrefix, type Prefix, parsePrefix } from '../../../../src/wire/address.js';

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

function claim(epoch: number, ...podCidr: string[]): Claim {
  return { epoch, podCidr: podCidr.map(prefix) };
}

const HOUR = 3_600_000;

/** A machine whose acts are noted in order. */
function machine(range = '10.0.0.0/22', changes: Partial<SubnetClaimsOptions> = {}) {
  const acts: string[] = [];
  const text = (one: Claim | undefined) => (one ? `${one.podCidr.map(formatPrefix)} ${one.epoch}` : 'nothing');
  const claims = new SubnetClaims({
    self: 'self',
    pool: new SubnetPool([prefix(range)], { 4: 24, 6: 64 }),
    coolDownMs: HOUR,
    outputs: {
      announce: (one) => acts.push(`announce ${text(one)}`),
      hold: (one) => acts.push(`hold ${text(one)}`),
      release: (one, winner) => acts.push(`release ${text(one)} to ${winner}`),
      exhausted: ({ total, used, kept }) => acts.push(`exhausted ${total} ${used} ${kept}`),
    },
    ...changes,
  });
  const own = () => claims.own?.podCidr.map(formatPrefix).join() ?? '';
  return { claims, acts, own };
}

t.test('the first node of a cluster waits for nobody', async (t) => {
  const { claims, acts } = machine();
  claims.start(0, false);
  claims.wake(0);
  t.match(acts, [/^announce 10\.0\.\d\.0\/24 1$/, /^hold 10\.0\.\d\.0\/24 1$/]);
  t.equal(claims.state, 'held');
});

t.test('others are waited for, and what they have is not taken, be they there or not', async (t) => {
  const { claims, acts, own } = machine();
  claims.observe('a', claim(7, '10.0.0.0/24'), 'present', 0);
  claims.observe('b', claim(5, '10.0.1.0/24'), 'absent', 0);
  claims.observe('c', claim(0, '10.0.2.128/25'), 'present', 0);
  claims.start(0, true);
  t.equal(own(), '10.0.3.0/24', 'the only one that nobody has a part of');
  t.equal(claims.own?.epoch, 8, 'younger than all that it knows');
  t.equal(claims.state, 'settling');
  claims.wake(claims.wakeAt() - 1);
  t.equal(claims.state, 'settling');
  claims.wake(claims.wakeAt());
  t.equal(claims.state, 'held');
  t.equal(acts.length, 2);
});

t.test('how long a claim waits for objections', async (t) => {
  const founder = machine();
  founder.claims.start(1000, false);
  t.equal(founder.claims.wakeAt(), 1000);
  for (const [settleMs, expected] of [
    [undefined, 600],
    [50, 50],
  ] as const) {
    const { claims, own } = machine('10.0.0.0/22', settleMs === undefined ? {} : { settleMs });
    t.equal(claims.wakeAt(), Number.POSITIVE_INFINITY, 'nothing to wait for yet');
    claims.start(1000, true);
    t.equal(claims.wakeAt(), 1000 + expected);
    claims.observe('alpha', claim(1, own()), 'present', 1040);
    t.equal(claims.wakeAt(), 1040 + expected, 'another waits its own time');
    claims.wake(1040 + expected);
    t.equal(claims.wakeAt(), Number.POSITIVE_INFINITY, 'held');
  }
});

t.test('the same name finds the same block', async (t) => {
  const [one, two] = [machine('10.0.0.0/16'), machine('10.0.0.0/16')];
  const third = machine('10.0.0.0/16', { self: 'third' });
  for (const { claims } of [one, two, third]) claims.start(0, false);
  t.equal(one.own(), two.own());
  t.not(one.own(), third.own(), 'and another begins elsewhere');
});

t.test('a collision while it settles: both decide alike, and nothing was forwarded', async (t) => {
  const { claims, acts, own } = machine();
  claims.start(0, true);
  const first = own();
  claims.observe('zeta', claim(1, first), 'present', 100);
  t.equal(own(), first, 'a name that goes behind ours gives way');
  claims.observe('alpha', claim(1, first), 'present', 200);
  t.not(own(), first, 'we give way to one that goes before');
  t.notOk(acts.some((act) => act.startsWith('release')));
  t.equal(claims.state, 'settling');
});

t.test('a holder that loses stops before it claims anew', async (t) => {
  const { claims, acts, own } = machine();
  claims.start(0, false);
  claims.wake(0);
  const held = own();
  claims.observe('alpha', claim(9, held), 'present', 1000);
  t.equal(own(), held, 'a younger claim does not take it');
  claims.observe('alpha', claim(0, held), 'absent', 1500);
  t.equal(own(), held, 'nor does a node that is not there');
  acts.length = 0;
  claims.observe('alpha', claim(0, held), 'present', 2000);
  claims.wake(claims.wakeAt());
  t.match(acts, [
    /^release 10\.0\.\d\.0\/24 1 to alpha$/,
    /^announce 10\.0\.\d\.0\/24 10$/,
    /^hold 10\.0\.\d\.0\/24 10$/,
  ]);
});

t.test('a node that returns', async (t) => {
  const remembered = { ...claim(3, '10.0.2.0/24'), absentMs: 1000 };
  await t.test('has its subnet again, at once', async (t) => {
    const { claims, acts } = machine('10.0.0.0/22', { remembered });
    claims.observe('a', claim(9, '10.0.1.0/24'), 'present', 0);
    claims.start(0, true);
    t.same(acts, ['announce 10.0.2.0/24 3', 'hold 10.0.2.0/24 3']);
  });
  for (const standing of ['present', 'absent'] as const) {
    await t.test(`and concedes it to one that is ${standing}`, async (t) => {
      const { claims, own } = machine('10.0.0.0/22', { remembered });
      claims.observe('a', claim(9, '10.0.2.0/24'), standing, 0);
      claims.start(0, true);
      t.not(own(), '10.0.2.0/24');
      t.equal(claims.state, 'settling');
    });
  }
  await t.test('after longer than others remember it, as one that claims anew', async (t) => {
    const { claims, acts } = machine('10.0.0.0/22', { remembered: { ...remembered, absentMs: HOUR + 1 } });
    claims.observe('a', claim(9, '10.0.1.0/24'), 'present', 0);
    claims.start(0, true);
    t.same(acts, ['announce 10.0.2.0/24 10', 'hold 10.0.2.0/24 10']);
  });
  await t.test('and by a clock that makes no sense likewise', async (t) => {
    for (const absentMs of [-1, -1e15, Number.NaN]) {
      const { claims, acts } = machine('10.0.0.0/22', { remembered: { ...remembered, absentMs } });
      claims.observe('a', claim(9, '10.0.1.0/24'), 'present', 0);
      claims.start(0, true);
      t.same(acts, ['announce 10.0.2.0/24 10', 'hold 10.0.2.0/24 10']);
    }
  });
});

t.test('no block is free', async (t) => {
  const { claims, acts, own } = machine('10.0.0.0/23');
  claims.observe('a', claim(1, '10.0.0.0/24'), 'present', 0);
  claims.observe('b', claim(2, '10.0.1.0/24'), 'absent', 0);
  claims.start(0, true);
  t.same(acts, ['exhausted 2 1 1']);
  t.equal(claims.state, 'exhausted');
  claims.observe('c', undefined, 'present', 1000);
  claims.observe('b', undefined, 'present', 1100);
  t.equal(acts.length, 1, 'said once; b is back, and will want its own again');
  claims.observe('b', claim(2, '10.0.1.0/24'), 'absent', 1200);
  claims.observe('b', undefined, 'forgotten', 2000);
  t.equal(own(), '10.0.1.0/24', 'as soon as there is one');
  t.same(claims.usage(), { total: 2, used: 2, kept: 0, free: 0 });
});

t.test('what a node gave back is free when it has gone', async (t) => {
  const { claims, own } = machine('10.0.0.0/24');
  claims.observe('a', claim(1, '10.0.0.0/24'), 'present', 0);
  claims.start(0, true);
  claims.observe('a', undefined, 'present', 10);
  t.equal(own(), '');
  claims.observe('a', undefined, 'absent', 20);
  t.equal(own(), '10.0.0.0/24');
});

t.test('what others remember of this node itself is no obstacle', async (t) => {
  const { claims, own } = machine('10.0.0.0/24');
  claims.observe('self', claim(1, '10.0.0.0/24'), 'absent', 0);
  claims.start(0, true);
  t.equal(own(), '10.0.0.0/24');
});

t.test('while no block is free, that is said once, whatever is heard of others', async (t) => {
  const { claims, acts, own } = machine('10.0.0.0/23');
  claims.observe('a', claim(1, '10.0.0.0/24'), 'present', 0);
  claims.observe('b', claim(2, '10.0.1.0/24'), 'present', 0);
  claims.start(0, true);
  t.same(acts, ['exhausted 2 2 0']);
  claims.observe('a', claim(1, '10.0.0.0/24'), 'present', 1000);
  claims.observe('b', claim(2, '10.0.1.0/24'), 'absent', 1100);
  t.equal(acts.length, 1, 'the others were told already, and so was the user');
  t.equal(claims.state, 'exhausted');
  claims.observe('b', claim(3, '10.9.0.0/24'), 'present', 2000);
  t.equal(own(), '10.0.1.0/24', 'the one that moved away has freed it');
  claims.observe('a', claim(1, '10.0.0.0/24'), 'absent', 2100);
  claims.observe('c', claim(0, '10.0.0.0/23'), 'present', 2200);
  t.match(acts.slice(1), ['announce 10.0.1.0/24 4', 'announce nothing', 'exhausted 2 2 0'], 'and said again anew');
});

t.test('a holder keeps its subnet from any claim that goes behind', async (t) => {
  const { claims, acts, own } = machine('10.0.0.0/24');
  claims.start(0, false);
  claims.wake(0);
  acts.length = 0;
  claims.observe('alpha', claim(2, own()), 'present', 10);
  claims.observe('zeta', claim(1, own()), 'present', 20);
  claims.observe('abroad', claim(0, '10.9.0.0/24'), 'present', 30);
  t.same(acts, []);
  t.equal(claims.state, 'held');
});

t.test('while it settles, it leaves what an absent node claimed before it', async (t) => {
  const { claims, acts, own } = machine();
  claims.start(0, true);
  const first = own();
  claims.observe('young', claim(5, first), 'absent', 50);
  t.equal(own(), first, 'not what an absent node claimed after it');
  claims.observe('alpha', claim(1, first), 'absent', 100);
  t.not(own(), first, 'nothing was sent yet, and the owner may return');
  t.equal(claims.state, 'settling');
  t.equal(claims.own?.epoch, 6);
  t.notOk(acts.some((act) => act.startsWith('release')));
});

t.test('a subnet set by hand is left alone, however late one hears of it', async (t) => {
  const { claims, acts, own } = machine('10.0.0.0/23');
  claims.start(0, false);
  claims.wake(0);
  const held = own();
  claims.observe('hand', claim(0, `${held.split('/')[0]}/28`), 'present', 10);
  t.match(acts.slice(2), [`release ${held} 1 to hand`, /^announce/]);
  t.not(own(), held);
});

t.test('an epoch is above that of an earlier life, and stays within its bits', async (t) => {
  const expired = { ...claim(7, '10.0.2.0/24'), absentMs: Number.MAX_VALUE };
  const alone = machine('10.0.0.0/22', { remembered: expired });
  alone.claims.start(0, false);
  t.match(alone.acts, ['announce 10.0.2.0/24 8', 'hold 10.0.2.0/24 8'], 'nobody else is there to tell it of epochs');

  const beaten = machine('10.0.0.0/22', { remembered: { ...expired, absentMs: 0 } });
  beaten.claims.observe('a', claim(2, '10.0.2.0/24'), 'present', 0);
  beaten.claims.start(0, true);
  t.equal(beaten.claims.own?.epoch, 8);

  const last = machine();
  last.claims.observe('a', claim(2 ** 32 - 1, '10.0.2.0/24'), 'present', 0);
  last.claims.start(0, true);
  t.equal(last.claims.own?.epoch, 2 ** 32 - 1);
});

t.test('what was given back is claimed no more', async (t) => {
  const { claims, acts, own } = machine();
  claims.start(0, false);
  claims.wake(0);
  claims.giveBack();
  t.equal(acts.at(-1), 'announce nothing');
  claims.observe('a', claim(1, '10.0.0.0/22'), 'present', 10);
  t.equal(own(), '');
});
