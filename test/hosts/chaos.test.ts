/** Three faults of the long run (bench/chaos.ts): every flow moves again, and every packet was delivered or counted. */
import t from 'tap';
import { chaos } from '../../bench/chaos/run.js';
import type { Round } from '../../bench/chaos/schedule.js';
import { listNamespaces } from '../../src/lab/namespaces.js';
import { labSkip, needs } from './lab.js';

const skip =
  labSkip() || needs('ping', 'iputils-ping') || needs('nft', 'nftables') || needs('tc', 'iproute2') || needs('ethtool');

/** Longer than in the long run: this machine may be doing much else. */
const RECOVERY = 30_000;

t.test('packets out of order, a link down, and a node killed under traffic', { skip, timeout: 110_000 }, async (t) => {
  const rounds: Round[] = [
    { fault: { kind: 'reordering', host: 'bravo', percent: 20 }, lastsMs: 5_000, recoveryMs: RECOVERY },
    { fault: { kind: 'link-down', host: 'alpha' }, lastsMs: 1_500, recoveryMs: RECOVERY },
    { fault: { kind: 'kill', host: 'charlie' }, lastsMs: 1_000, recoveryMs: RECOVERY },
  ];
  const said: string[] = [];
  const outcome = await chaos({ seed: 0, minutes: 3, swallow: false, rounds, say: (line) => said.push(line) });
  for (const line of said) t.comment(line);
  t.same(outcome.failures, []);
  t.ok(outcome.passed);
  const [reordered, unplugged, killed] = outcome.rounds.map(({ balance }) => balance);
  t.ok(reordered.late > 0, `the router does reorder: ${reordered.late} datagrams came late`);
  t.equal(reordered.duplicates, 0);
  t.ok(unplugged.behind.waiting > 0, `messages wait for a neighbour: ${unplugged.behind.waiting} bytes`);
  t.ok(unplugged.behind.frames > 0, `and frames are lost for it: ${unplugged.behind.frames}`);
  t.equal(outcome.lives.filter(({ node }) => node === 'charlie').length, 2, 'a life ended');
  t.ok(killed.received > 0);
  t.ok(outcome.transfers.completed > 0);
  t.same(
    listNamespaces().filter((name) => name.startsWith(`podwire-chaos-${process.pid}-`)),
    [],
    'nothing is left',
  );
});
