/** What is asked of a simulation and cannot be done is said, not left out. */
import t from 'tap';
import { BUILT_IN, checkScenario, parseScenario, runScenario } from '../../../src/sim/index.js';

t.test('an action after the end is refused by name; at the end it is done', async (t) => {
  const late = {
    nodes: 4,
    seconds: 5,
    actions: [
      { at: 1, kill: 1 },
      { at: 6, join: 1 },
    ],
  };
  t.throws(() => checkScenario(late), {
    code: 'CONFIG',
    message: /^the scenario: actions\.1 \({"at":6,"join":1}\): comes after the end, at 5 s, [^\n]*$/,
  });
  t.equal(runScenario(checkScenario(late, { seconds: 6 }), 1).spreads.length, 2);
  for (const scenario of Object.values(BUILT_IN)) t.ok(checkScenario(scenario));
});

t.test('a seed is a whole number', async (t) => {
  const scenario = checkScenario({ nodes: 2, seconds: 1 });
  for (const seed of [undefined, 'x', Number.NaN, 1.5]) {
    const run = () => Reflect.apply(runScenario, undefined, [scenario, seed]);
    t.throws(run, { name: 'TypeError', message: `the seed is a whole number, not ${seed}` });
  }
});

t.test('a scenario that cannot be read says where, and in words', async (t) => {
  for (const [text, message] of [
    ['nodes: 3\nnodes: 4', 'the scenario, line 2: the key nodes is there already: leave out one of them'],
    [
      'nodes: 3\n---\nnodes: 4',
      'the scenario, line 2: a second document begins here, and only one is read: leave it out',
    ],
    ['nodes: *b', 'the scenario: Unresolved alias (the anchor must be set before the alias): b'],
  ]) {
    t.throws(() => parseScenario(text), { code: 'CONFIG', message });
  }
});
