/** The network model, every attachment, IPv4 and IPv6, on three hosts that share no L2. */
import t from 'tap';
import { tryModel } from '../../src/lab/conformance.js';
import { RULES, type Trial } from '../../src/lab/model.js';
import { hasProgram } from '../../src/lab/tools.js';
import { labSkip } from './lab.js';

const skip = labSkip() || (hasProgram('nft') ? false : 'needs nft (nftables)');

t.test('everybody is reached, and seen under its own address', { skip }, async (t) => {
  const trials = await tryModel();
  const words = ({ rule, from, to, address, seen }: Trial) =>
    `${rule}: ${from} to ${to} at ${address}, seen as ${seen || 'nobody'}`;
  t.same(trials.filter(({ ok }) => !ok).map(words), []);
  for (const rule of RULES) t.ok(trials.filter((trial) => trial.rule === rule).length >= 24, rule);
});
