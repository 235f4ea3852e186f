import t from 'tap';
import { dropLabels, NodeMetrics } from '../../../src/api/metrics.js';
import { MOST_PODS } from '../../../src/api/pod-metrics.js';
import { COUNTER_NAMES, COUNTERS } from '../../../src/core/counters.js';
import { COUNTERS_READ, FakeNode, GOSSIP, PEERS, PODS, STATUS } from './fake-node.js';

const valueIn = (text: string, series: string) => {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

t.test('a scrape shows what the node counts at that moment', async (t) => {
  const node = new FakeNode();
  const metrics = new NodeMetrics(node);
  const text = await metrics.render();

  t.equal(valueIn(text, 'podwire_info{node="alpha",version="0.1.0",mode="vxlan",native="addon",device="podwire0"}'), 1);
  t.equal(valueIn(text, 'podwire_peers'), 2);
  t.equal(valueIn(text, 'podwire_device_mtu_bytes'), 1450);
  t.equal(valueIn(text, 'podwire_uptime_seconds'), 11_520);
  for (const name of COUNTER_NAMES) {
    t.equal(valueIn(text, `podwire_${name}_total`), COUNTERS_READ[name]);
    const labels = dropLabels(name);
    if (!labels) continue;
    const series = `podwire_dropped_total{direction="${labels.direction}",reason="${labels.reason}"}`;
    t.equal(valueIn(text, series), COUNTERS_READ[name]);
  }
  t.equal(valueIn(text, 'podwire_peer_tx_bytes_total{peer="bravo"}'), 1_600_000_000);
  t.equal(valueIn(text, 'podwire_peer_mtu_bytes{peer="charlie"}'), 1400);
  t.match(text, /^process_resident_memory_bytes \d/m, 'the process too');
  t.match(metrics.contentType, /^text\/plain/);

  node.statusNow = () => ({ ...STATUS, peers: PEERS.slice(1) });
  const later = await metrics.render();
  t.equal(
    valueIn(later, 'podwire_tx_frames_total'),
    COUNTERS_READ.tx_frames,
    'a second scrape does not add to the first',
  );
  t.equal(valueIn(later, 'podwire_peer_tx_bytes_total{peer="bravo"}'), undefined, 'a peer that is gone is gone');
});

t.test('with gossip: members, what became of it, subnets, data paths', async (t) => {
  const node = new FakeNode();
  const [bravo, charlie] = PEERS;
  const data = { state: 'up', rttMs: 5, lossPercent: 20 } as const;
  node.statusNow = () => ({ ...STATUS, gossip: GOSSIP, peers: [{ ...bravo, data }, charlie] });
  const text = await new NodeMetrics(node).render();
  t.equal(valueIn(text, 'podwire_members{state="alive"}'), 2);
  t.equal(valueIn(text, 'podwire_members{state="dead"}'), 1);
  t.equal(valueIn(text, 'podwire_gossip_total{outcome="replayed"}'), 3);
  t.equal(valueIn(text, 'podwire_subnets{state="free"}'), 253);
  t.equal(valueIn(text, 'podwire_peer_path_up{peer="bravo"}'), 1);
  t.equal(valueIn(text, 'podwire_peer_path_rtt_seconds{peer="bravo"}'), 0.005);
  t.equal(valueIn(text, 'podwire_peer_path_loss_ratio{peer="bravo"}'), 0.2);
  t.equal(valueIn(text, 'podwire_peer_path_up{peer="charlie"}'), undefined, 'one that is not probed');
});

t.test('pods: what each sent and received, in series of a bounded number', async (t) => {
  const node = new FakeNode();
  const metrics = new NodeMetrics(node);
  const labels = '{namespace="default",pod="web",interface="eth0",device="pw000000000001"}';
  const text = await metrics.render();
  t.equal(valueIn(text, `podwire_pod_sent_bytes_total${labels}`), 1_048_576);
  t.equal(valueIn(text, `podwire_pod_received_dropped_total${labels}`), 2);
  t.equal(valueIn(text, `podwire_pod_forged_total${labels}`), 7);
  t.equal(valueIn(await metrics.render(), `podwire_pod_sent_packets_total${labels}`), 1200, 'nothing is added up');

  const [{ pod: _, traffic: __, ...plain }] = PODS;
  node.podsNow = [plain];
  t.notMatch(await metrics.render(), /^podwire_pod_\w+\{/m, 'one whose device others share has no figures');

  const name = 'x'.repeat(2000);
  node.podsNow = Array.from({ length: 1000 }, (_, i) => ({ ...PODS[0], pod: `default/${name}`, device: `pw${i}` }));
  const many = await metrics.render();
  t.equal(many.match(/^podwire_pod_sent_bytes_total\{/gm)?.length, MOST_PODS);
  t.equal(valueIn(many, 'podwire_pods'), 1000);
  t.equal(valueIn(many, 'podwire_pods_unlisted'), 1000 - MOST_PODS);
  t.notMatch(many, /x{254}/, 'names are cut');
});

t.test('a node that has no subnet yet can be scraped', async (t) => {
  const node = new FakeNode();
  node.statusNow = () => ({ ...STATUS, phase: 'joining', gossip: GOSSIP, peers: [] });
  node.counters = () => {
    throw new Error('there are none yet');
  };
  t.match(await new NodeMetrics(node).render(), /^podwire_members/m);
});

t.test('two nodes in one process do not meet', async (t) => {
  const [one, other] = [new NodeMetrics(new FakeNode()), new NodeMetrics(new FakeNode())];
  t.equal(
    valueIn(await one.render(), 'podwire_tx_frames_total'),
    valueIn(await other.render(), 'podwire_tx_frames_total'),
  );
});

t.test('drops are those whose words say so', async (t) => {
  t.strictSame(dropLabels('tx_no_peer'), { direction: 'tx', reason: 'no_peer' });
  t.strictSame(dropLabels('rx_device_refused'), { direction: 'rx', reason: 'device_refused' });
  t.equal(dropLabels('tx_fragmented'), undefined);
  t.ok(COUNTER_NAMES.filter((name) => COUNTERS[name].includes('dropped')).every((name) => dropLabels(name)));
});
