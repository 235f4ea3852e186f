/** Gossip beside data at full rate: it stays on time, and nobody who lives is suspected. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ApiClient } from '../../src/api/client.js';
import { LOOP_SAMPLING } from '../../src/api/metrics.js';
import { Lab } from '../../src/lab/lab.js';
import { gossipConfig } from '../../src/lab/podwire.js';
import { transfer } from '../../src/lab/tools.js';
import { labSkip } from './lab.js';

/** Some probe intervals of the LAN profile, ms. */
const LOAD = 4_000;
/** The LAN profile waits so long for the answer to a ping, ms. */
const PROBE_TIMEOUT = 500;

t.test('TCP both ways between three nodes that found each other', { skip: labSkip() }, async (t) => {
  const lab = await Lab.create({ name: 'load', hosts: 3 });
  t.teardown(() => lab.destroy());
  // The lab's pods have the addresses of its plan: each node brings its subnet.
  const nodes = await Promise.all(
    lab.hosts.map((host) => lab.startPodwire(host, { config: { ...gossipConfig(lab, host), podCidr: host.podCidr } })),
  );
  const clients = nodes.map(({ socket }) => new ApiClient(socket));
  // The first scrape begins the sampling of the event loop's delay.
  for (const client of clients) await client.metrics();
  while ((await Promise.all(clients.map((client) => client.peers()))).some(({ length }) => length < 2)) await delay(20);
  const begin = new Date().toISOString();
  const [alpha, bravo] = lab.hosts.map(({ pods: [pod] }) => pod);
  const ways = [transfer(lab, alpha, bravo, 4, LOAD), transfer(lab, bravo, alpha, 6, LOAD)];
  for (const result of await Promise.all(ways)) {
    t.ok(result?.intact, `${((result?.bitsPerSecond ?? 0) / 1e9).toFixed(2)} Gbit/s, whole`);
  }

  for (const [i, client] of clients.entries()) {
    const { name } = nodes[i].host;
    const late = /^nodejs_eventloop_lag_p99_seconds ([\d.e-]+)$/m.exec(await client.metrics())?.[1];
    const p99Ms = Math.max(0, 1000 * Number(late) - LOOP_SAMPLING);
    t.ok(p99Ms < PROBE_TIMEOUT, `${name}: its main thread was late by ${p99Ms.toFixed(1)} ms, 99 of 100 times at most`);
    const events = await client.events();
    t.same(
      events.filter(({ at, kind }) => at > begin && ['suspected', 'failed', 'refuted'].includes(kind)),
      [],
      `${name} suspected nobody, and nobody suspected it`,
    );
    t.same(
      (await client.members()).map(({ state }) => state),
      ['alive', 'alive', 'alive'],
      `all are alive to ${name}`,
    );
  }
});
