import t from 'tap';
import { NO_NODE, NodeDirectory } from '../../../../src/core/swim/node-directory.js';

t.test('a name has one number until it is released', async (t) => {
  const directory = new NodeDirectory();
  const alpha = directory.intern('alpha');
  const bravo = directory.intern('bravo');
  t.not(alpha, bravo);
  t.equal(directory.intern('alpha'), alpha);
  t.equal(directory.find('bravo'), bravo);
  t.equal(directory.name(bravo), 'bravo');
  t.equal(directory.find('charlie'), NO_NODE, 'looking does not make one');

  directory.release(alpha);
  t.equal(directory.find('alpha'), NO_NODE);
  t.equal(directory.name(alpha), '');
  directory.release(alpha);
  t.equal(directory.intern('charlie'), alpha, 'a released number is used again');
  t.not(directory.intern('delta'), alpha, 'once');
});
