/** A host without the key, and all that it can record: whatever it sends to the gossip ports, the cluster stays as it is. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ApiClient } from '../../src/api/client.js';
import { Lab } from '../../src/lab/lab.js';
import { gossipConfig, type RunningPodwire } from '../../src/lab/podwire.js';
import { recordUdp, startHostile } from '../../src/lab/tools.js';
import { labSkip, needs } from './lab.js';

const PORT = 7946;
const COUNT = 20_000;
/** How datagrams end that come in: each under one of these, and once more if it was held first. */
const ENDS = [
  ...['delivered', 'held', 'answered', 'trusted', 'malformed', 'foreign_key', 'forged', 'reflected', 'replayed'],
  ...['challenge_foreign', 'answer_limited', 'answer_unasked', 'stranger_limited'],
];

/** What must not change, and what is counted. */
async function stateOf(node: RunningPodwire) {
  const client = new ApiClient(node.socket);
  const { gossip, rssBytes, podCidr } = await client.status();
  const members = await client.members();
  const drops = gossip?.drops ?? {};
  return {
    podCidr,
    rssBytes,
    drops,
    judged: ENDS.reduce((sum, end) => sum + drops[end], 0),
    members: new Map(members.map(({ node: name, state, incarnation }) => [name, { state, incarnation }])),
  };
}

t.test(
  'recorded, changed, cut and invented datagrams, and streams that say nothing',
  {
    skip: labSkip() || needs('tshark'),
  },
  async (t) => {
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    t.comment(`SEED=${seed}`);
    const lab = await Lab.create({ name: 'hostile', hosts: 4, pods: 0 });
    t.teardown(() => lab.destroy());
    const [alphaHost, bravoHost, charlieHost, stranger] = lab.hosts;
    const start = (host: typeof alphaHost) => lab.startPodwire(host, { config: gossipConfig(lab, host) });

    const recording = await recordUdp(lab, bravoHost, PORT);
    const alpha = await start(alphaHost);
    const formerLife = await start(bravoHost);
    formerLife.process.kill('SIGKILL');
    const bravo = await start(bravoHost);
    // Of this life too there is something to reflect.
    while (((await stateOf(bravo)).drops['sealed'] ?? 0) < 6) await delay(100);
    const recorded = await recording.stop();
    t.ok(recorded.length >= 10, `${recorded.length} datagrams recorded, of two lives of bravo`);

    const nodes = [alpha, bravo];
    const before = await Promise.all(nodes.map(stateOf));
    const begin = new Date().toISOString();
    const attack = (target: RunningPodwire, i: number) =>
      startHostile(lab, stranger, target, { recorded, port: PORT, count: COUNT, seed: seed + i });
    const attacks = await Promise.all(nodes.map(attack));
    const charlie = await start(charlieHost);
    t.pass(`charlie joins all the same, within ${Math.round(charlie.readyMs)} ms`);
    for (const { report } of attacks) t.comment(JSON.stringify(await report()));
    const after = await Promise.all(nodes.map(stateOf));

    for (const [i, node] of nodes.entries()) {
      const { name } = node.host;
      for (const other of nodes) {
        const [now, then] = [after, before].map((states) => states[i].members.get(other.host.name));
        t.same(now, then, `${other.host.name} is to ${name} what it was`);
      }
      t.equal(after[i].members.get('charlie')?.state, 'alive');
      t.same(after[i].podCidr, before[i].podCidr, `${name} has its subnets`);
      t.ok(after[i].judged - before[i].judged >= COUNT, `${name} has judged each of ${COUNT}`);
      for (const end of ['malformed', 'foreign_key', 'forged', 'reflected', 'replayed']) {
        t.ok(after[i].drops[end] > before[i].drops[end], `${name} ${end}: ${after[i].drops[end]}`);
      }
      const grown = (after[i].rssBytes - before[i].rssBytes) / 1e6;
      t.ok(grown < 40, `${name} has grown by ${grown.toFixed(1)} MB`);
      const events = await new ApiClient(node.socket).events();
      t.same(
        events.filter(({ at, kind }) => at > begin && ['suspected', 'failed', 'refuted', 'conflict'].includes(kind)),
        [],
        `nothing in ${name} was shaken`,
      );
    }
    t.ok(after[1].drops['held'] > before[1].drops['held'], 'what the former bravo said waits for an answer of its');
    for (const node of [...nodes, charlie]) t.equal((await node.stop()).code, 0, node.log());
  },
);
