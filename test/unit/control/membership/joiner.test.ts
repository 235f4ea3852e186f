import t from 'tap';
import type { Endpoint } from '../../../../src/control/config/node-config.js';
import {
  type Candidates,
  Joiner,
  type JoinerOptions,
  type Refusals,
} from '../../../../src/control/membership/joiner.js';
import { seededRandom } from '../../../../src/core/random.js';
import { address } from '../sample-config.js';
import { VirtualTime } from './memory-transport.js';

const [alpha, bravo]: Endpoint[] = ['192.0.2.1', '192.0.2.2'].map((text) => ({ address: address(text), port: 7946 }));

/** A joiner that asks these, each of which answers as told. */
function setUp({ candidates, ...changes }: Partial<Omit<JoinerOptions, 'candidates'> & { candidates: Candidates }>) {
  const time = new VirtualTime();
  const refused: Refusals[] = [];
  let outcome: string | undefined;
  const joiner = new Joiner({
    candidates: async () => candidates ?? { ask: [alpha, bravo], mayFound: 'never' },
    ask: async () => 'ECONNREFUSED',
    clock: time,
    random: seededRandom(1),
    onRefused: (refusals) => void refused.push(refusals),
    ...changes,
  });
  const run = () => void joiner.run().then((how) => (outcome = how));
  return { time, joiner, refused, run, outcome: () => outcome };
}

t.test('one answer is enough, and a silent node does not hold it up', async (t) => {
  const { time, run, outcome } = setUp({
    ask: (to) => (to === alpha ? new Promise(() => {}) : Promise.resolve(undefined)),
  });
  run();
  await time.pass(0);
  t.equal(outcome(), 'joined');
});

t.test('it asks for ever, ever more seldom, and says who refused', async (t) => {
  let asked = 0;
  let up = false;
  const { time, run, refused, outcome } = setUp({
    ask: async () => {
      asked++;
      return up ? undefined : 'ECONNREFUSED';
    },
  });
  run();
  await time.pass(60_000);
  t.equal(outcome(), undefined);
  t.ok(refused.length >= 10 && refused.length < 40, `${refused.length} rounds in a minute`);
  t.same(
    refused[0].map(({ reason }) => reason),
    ['ECONNREFUSED', 'ECONNREFUSED'],
  );
  t.equal(asked, 2 * refused.length);
  up = true;
  await time.pass(10_000);
  t.equal(outcome(), 'joined');
});

t.test('a round with silent nodes ends, and names them', async (t) => {
  const { time, run, refused } = setUp({ ask: () => new Promise(() => {}) });
  run();
  await time.pass(3_000);
  t.match(
    refused[0].map(({ reason }) => reason),
    [/^no answer yet, .* let in\?$/, /^no answer yet/],
  );
});

t.test('who may found a cluster', async (t) => {
  const alone = setUp({ candidates: { mayFound: 'at once', ask: [] } });
  alone.run();
  await alone.time.pass(0);
  t.equal(alone.outcome(), 'founded', 'a node that was told of nobody, at once');

  const first = setUp({ candidates: { mayFound: 'late', ask: [alpha, bravo] } });
  first.run();
  await first.time.pass(4_000);
  t.equal(first.outcome(), undefined);
  await first.time.pass(10_000);
  t.equal(first.outcome(), 'founded', 'the first of the list, after a while');
});

t.test('it can be stopped at any time', async (t) => {
  for (const at of [0, 400, 2_500]) {
    const { time, joiner, run, outcome } = setUp({ ask: () => new Promise(() => {}) });
    run();
    await time.pass(at);
    joiner.stop();
    await time.pass(0);
    t.equal(outcome(), 'stopped', `after ${at} ms`);
  }
});
