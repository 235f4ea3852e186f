import t from 'tap';
import { Registrar } from '../../../../src/control/membership/registrar.js';
import { Identity } from '../../../../src/core/identity.js';
import { card } from './sample-card.js';

const [ALPHA, BRAVO, CHARLIE] = [1, 2, 3];
const alive = { alive: true, present: true };
const suspect = { alive: false, present: true };
const dead = { alive: false, present: false };

t.test('a name belongs to the identity that had it first, until its node is forgotten', async (t) => {
  const registrar = new Registrar();
  const identity = Identity.generate();
  const own = card('alpha', {}, identity);
  registrar.set(ALPHA, own, alive);
  const renewed = card('alpha', { incarnation: 2, podCidr: ['10.244.1.0/24'] }, identity);
  t.equal(registrar.refusal(ALPHA, renewed, own), undefined, 'its own new card');

  const foreign = card('alpha', { underlay: '192.0.2.9' });
  t.match(registrar.refusal(ALPHA, foreign, own), { what: 'name', words: /alpha belongs to another identity/ });
  registrar.set(ALPHA, own, dead);
  t.equal(registrar.refusal(ALPHA, foreign, own)?.what, 'name', 'also while it is away');
  registrar.delete(ALPHA);
  t.equal(registrar.refusal(ALPHA, foreign, undefined), undefined, 'not once it is forgotten');
});

t.test('an address belongs to the living node that has it', async (t) => {
  const registrar = new Registrar();
  const identity = Identity.generate();
  const holder = card('alpha', { underlay: '192.0.2.1' }, identity);
  const taker = card('bravo', { underlay: '192.0.2.1' });
  registrar.set(ALPHA, holder, alive);
  t.match(registrar.refusal(BRAVO, taker, undefined), {
    what: 'address',
    words: '192.0.2.1:7946 is the address of alpha, which is alive',
  });
  t.equal(registrar.refusal(ALPHA, holder, holder), undefined, 'its own');
  const neighbour = card('bravo', { underlay: '192.0.2.1', gossipPort: 7947 });
  t.equal(registrar.refusal(BRAVO, neighbour, undefined), undefined, 'another port is another address');
  const renamed = card('charlie', { underlay: '192.0.2.1' }, identity);
  t.equal(registrar.refusal(CHARLIE, renamed, undefined), undefined, 'the same identity under another name');

  for (const state of [suspect, dead]) {
    registrar.set(ALPHA, holder, state);
    t.equal(registrar.refusal(BRAVO, taker, undefined), undefined, 'who does not answer may have been replaced');
  }
  registrar.set(ALPHA, card('alpha', { underlay: '192.0.2.8', incarnation: 2 }, identity), alive);
  t.equal(registrar.refusal(BRAVO, taker, undefined), undefined, 'nor where it has moved away');

  const six = card('delta', { underlay: '2001:db8::1' });
  registrar.set(CHARLIE, six, alive);
  t.match(
    registrar.refusal(BRAVO, card('bravo', { underlay: '2001:db8::1' }), undefined)?.words,
    /^\[2001:db8::1\]:7946/,
  );
});

t.test('who takes over an address of a dead node keeps it when that is forgotten', async (t) => {
  const registrar = new Registrar();
  const former = card('alpha');
  registrar.set(ALPHA, former, alive);
  registrar.set(ALPHA, former, dead);
  registrar.set(BRAVO, card('bravo'), alive);
  registrar.delete(ALPHA);
  t.equal(registrar.refusal(CHARLIE, card('charlie'), undefined)?.what, 'address');
  t.match(registrar.refusal(ALPHA, former, undefined)?.words, /address of bravo/, 'the former holder too');
});

t.test('a subnet written by hand is not taken from who is present', async (t) => {
  const registrar = new Registrar();
  const identity = Identity.generate();
  const holder = card('alpha', { podCidr: ['10.244.1.0/24'], epoch: 3 }, identity);
  const by = (epoch: number, podCidr: string) => card('bravo', { underlay: '192.0.2.2', podCidr: [podCidr], epoch });
  for (const state of [alive, suspect]) {
    registrar.set(ALPHA, holder, state);
    t.match(registrar.refusal(BRAVO, by(0, '10.244.1.128/25'), undefined), {
      what: 'subnet',
      words: '10.244.1.128/25 overlaps the subnet of alpha',
    });
    t.equal(registrar.refusal(BRAVO, by(0, '10.244.0.0/16'), undefined)?.what, 'subnet', 'a wider one');
  }
  t.equal(registrar.refusal(BRAVO, by(0, '10.244.2.0/24'), undefined), undefined, 'another');
  t.equal(
    registrar.refusal(BRAVO, by(1, '10.244.1.0/24'), undefined),
    undefined,
    'claims are settled among themselves',
  );
  const renamed = card('bravo', { podCidr: ['10.244.1.0/24'], epoch: 0 }, identity);
  t.equal(registrar.refusal(BRAVO, renamed, undefined), undefined, 'the same machine under another name');

  const known = by(0, '10.244.1.0/24');
  t.equal(registrar.refusal(BRAVO, known, known), undefined, 'what was known before is no attempt');
  registrar.set(ALPHA, holder, dead);
  t.equal(registrar.refusal(BRAVO, by(0, '10.244.1.0/24'), undefined), undefined, 'from who is away');
});
