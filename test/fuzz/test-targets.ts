/**
 * Fuzzing as a test: some seconds of it, by another seed each time.
 *
 * PODWIRE_SEED replays a run, PODWIRE_FUZZ sets how many inputs there are. `npm run fuzz` goes on for as long as it is told.
 */
import t from 'tap';
import { seededRandom } from '../../src/core/random.js';
import { fuzz } from './loop.js';
import { type Mutator, mutator } from './mutate.js';
import type { Target } from './target.js';

const SEED = Number(process.env['PODWIRE_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const INPUTS = Number(process.env['PODWIRE_FUZZ'] ?? 200_000);

/** @param make the targets, which share a source of randomness: in one order it is the same run each time */
export function testTargets(make: (tools: Mutator) => Target[] | Promise<Target[]>): void {
  t.test(`PODWIRE_SEED=${SEED}`, async (t) => {
    for (const target of await make(mutator(seededRandom(SEED)))) {
      const { name, share } = target;
      const { problem, inputs, answers, seconds, heap } = await fuzz(target, SEED, {
        inputs: Math.ceil(INPUTS * share),
      });
      t.equal(problem, '', `${name}: ${inputs} inputs in ${seconds.toFixed(1)} s`);
      const growth = Math.round((heap[1] - heap[0]) / 1024);
      t.ok(answers > 1, `${answers} different answers, the heap grew by ${growth} KiB`);
    }
  });
}
