/** A flood of garbage on the port while traffic flows: the transfer arrives whole, everything else is counted. */
import t from 'tap';
import { Lab } from '../../src/lab/lab.js';
import { startGarbage, transfer } from '../../src/lab/tools.js';
import { counters } from './cli.js';
import { labSkip } from './lab.js';

t.test('garbage from a stranger and from a peer’s own address', { skip: labSkip() }, async (t) => {
  const lab = await Lab.create({ name: 'garbage', hosts: 3 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo, charlie] = lab.hosts;
  const nodes = await Promise.all(
    [alpha, bravo].map((host) =>
      lab.startPodwire(host, {
        config: {
          peers: lab.hosts
            .filter((other) => other !== host && other !== charlie)
            .map(({ name, underlay, podCidr }) => ({ node: name, underlay, podCidr })),
        },
      }),
    ),
  );
  const before = await counters(lab, nodes[1]);
  const noise = await Promise.all([alpha, charlie].map((host) => startGarbage(lab, host, bravo.underlay, 8472, 4711)));
  for (const [from, to] of [
    [alpha.pods[0], bravo.pods[0]],
    [bravo.pods[0], alpha.pods[0]],
  ]) {
    const result = await transfer(lab, from, to, 4, 1500);
    t.ok(result?.intact, `${((result?.sent.bytes ?? 0) / 1e6).toFixed(0)} MB from ${from.name}, whole`);
  }
  for (const child of noise) child.kill();
  const after = await counters(lab, nodes[1]);
  const grown = (Object.keys(after) as (keyof typeof after)[]).filter((name) => after[name] > before[name]);
  for (const name of ['rx_unknown_sender', 'rx_bad_flags', 'rx_bad_vni', 'rx_truncated', 'rx_bad_mac'] as const) {
    t.ok(grown.includes(name), `${name}: ${after[name]}`);
  }
  const ends = grown.filter(
    (name) => name.startsWith('rx_') && !['rx_datagrams', 'rx_bytes', 'rx_packets', 'rx_mss_clamped'].includes(name),
  );
  t.equal(
    ends.reduce((sum, name) => sum + after[name], 0),
    after.rx_datagrams,
    'every datagram was delivered or dropped under one counter',
  );
  t.equal((await nodes[1].stop()).code, 0, nodes[1].log());
});
