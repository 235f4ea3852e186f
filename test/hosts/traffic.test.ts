/** The main job: hosts that share no L2 carry each other's pod traffic, with the real binary. */
import { join } from 'node:path';
import t from 'tap';
import type { NodeStatus } from '../../src/control/node-api.js';
import { Lab } from '../../src/lab/lab.js';
import { ask as askEcho, ping, startEcho, transfer } from '../../src/lab/tools.js';
import { ask, counters, kernelState, peers } from './cli.js';
import { koffiSkip, labSkip, needs } from './lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping');

const cases = (['on', 'off'] as const).flatMap((native) => ([4, 6] as const).map((underlay) => ({ underlay, native })));

for (const { underlay, native } of cases) {
  const title = `three hosts over an IPv${underlay} underlay, native ${native}`;
  t.test(title, { skip: skip || (native === 'off' && koffiSkip()) }, async (t) => {
    const lab = await Lab.create({ name: `traffic${underlay}${native}`, hosts: 3, underlay });
    const env = { PODWIRE_NATIVE: native };
    t.teardown(() => lab.destroy());
    const before = await Promise.all(lab.hosts.map((host) => kernelState(lab, host)));
    const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host, { env })));
    for (const node of nodes) t.comment(`${node.host.name} ready after ${Math.round(node.readyMs)} ms`);
    const { rssBytes: idle } = await ask<NodeStatus>(lab, nodes[0], 'status');
    t.ok(idle < 120e6, `${Math.round(idle / 1e6)} MB resident before there was traffic`);

    const pods = lab.hosts.flatMap((host) => host.pods);
    const places = [...pods, ...lab.hosts];
    const pings = places.flatMap((from) =>
      pods.flatMap((to) => to.addresses.map((address) => ({ from, to, address }))),
    );
    const silent = await Promise.all(
      pings.map(async ({ from, address }) =>
        (await ping(lab, from, address)) === undefined ? `${from.namespace} -> ${address}` : '',
      ),
    );
    t.same(silent.filter(Boolean), [], `${pings.length} pings, pod to pod and node to pod, IPv4 and IPv6`);

    await Promise.all(pods.map((pod) => startEcho(lab, pod)));
    for (const from of pods) {
      const others = pods.filter((pod) => pod !== from).flatMap((pod) => pod.addresses);
      const answers = await askEcho(lab, from, others);
      t.ok(
        answers.every(({ seen, own }) => seen !== '' && seen === own && from.addresses.includes(seen)),
        `${from.name} is seen by its true address`,
      );
    }

    const [alpha, , charlie] = pods;
    for (const [from, to] of [
      [alpha, charlie],
      [charlie, alpha],
    ]) {
      for (const family of [4, 6] as const) {
        const result = await transfer(lab, from, to, family, 500);
        t.ok(
          result?.intact,
          `TCP over IPv${family} arrives whole: ${((result?.bitsPerSecond ?? 0) / 1e9).toFixed(2)} Gbit/s`,
        );
      }
    }

    const status = await ask<NodeStatus>(lab, nodes[0], 'status');
    t.equal(status.mtu, underlay === 4 ? 1450 : 1430);
    t.match(status.security, { sealed: false, note: /proves nothing/ });
    t.equal(status.peers.length, 2);
    t.ok(status.rssBytes < 140e6, `${Math.round(status.rssBytes / 1e6)} MB resident after it`);

    for (const node of nodes) {
      const { code, ms } = await node.stop();
      t.equal(code, 0, node.log());
      t.comment(`${node.host.name} stopped after ${Math.round(ms)} ms`);
    }
    t.same(await Promise.all(lab.hosts.map((host) => kernelState(lab, host))), before, 'and nothing is left of it');
  });
}

t.test(
  'every frame on the wire is clean VXLAN with good checksums',
  { skip: skip || needs('tshark') || needs('ethtool') },
  async (t) => {
    const lab = await Lab.create({ name: 'wire', hosts: 2, laboratory: 'cable' });
    t.teardown(() => lab.destroy());
    const [alpha, bravo] = lab.hosts;
    await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
    const file = join(lab.directory, 'wire.pcap');
    const capture = lab.spawn(lab.router, ['tshark', '-q', '-n', '-i', 'alpha', '-f', 'udp port 8472', '-w', file]);
    await new Promise<void>((resolve) =>
      capture.stderr?.on('data', (text) => String(text).includes('Capturing') && resolve()),
    );
    for (const address of bravo.pods[0].addresses) t.ok(await ping(lab, alpha.pods[0], address));
    for (const family of [4, 6] as const)
      t.ok((await transfer(lab, alpha.pods[0], bravo.pods[0], family, 100))?.intact);
    const closed = new Promise((resolve) => capture.once('close', resolve));
    capture.kill('SIGINT');
    await closed;

    const tshark = ['tshark', '-n', '-r', file, '-d', 'udp.port==8472,vxlan'];
    const checks = ['ip', 'tcp', 'udp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
    const bad =
      'ip.checksum.status=="Bad" || udp.checksum.status=="Bad" || tcp.checksum.status=="Bad" || icmp.checksum.status=="Bad" ' +
      '|| _ws.malformed || _ws.expert.severity=="Error"';
    const read = (...args: string[]) => lab.exec(lab.router, [...tshark, ...checks, ...args], { timeoutMs: 60_000 });
    t.equal((await read('-Y', bad)).stdout, '');
    const notVxlan = await read(
      '-Y',
      '!vxlan || vxlan.flags != 0x0800 || vxlan.vni != 1 || ip.flags.df == 0 || ip.flags.mf == 1',
    );
    t.equal(notVxlan.stdout, '', 'strict VXLAN, DF set, no outer fragments');
    const fields = await read('-T', 'fields', '-e', 'udp.srcport', '-e', 'udp.dstport', '-E', 'occurrence=f');
    const ports = fields.stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t').map(Number));
    t.ok(ports.length > 50, `${ports.length} frames`);
    t.ok(ports.every(([source, destination]) => source >= 49_152 && destination === 8472));
    t.ok(new Set(ports.map(([source]) => source)).size > 2, 'flows leave from several source ports');
  },
);

t.test('packets too big for the path: answered or fragmented', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'big', hosts: 2 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const [node] = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  // The path gets narrower behind the router, where alpha cannot see it but by ICMP.
  t.equal((await lab.exec(lab.router, ['ip', 'link', 'set', 'bravo', 'mtu', '1300'])).code, 0);
  t.equal((await lab.exec(bravo, ['ip', 'link', 'set', 'eth0', 'mtu', '1300'])).code, 0);
  const from = alpha.pods[0];
  const [to4, to6] = bravo.pods[0].addresses;
  const pingBig = (address: string, ...args: string[]) =>
    lab.exec(from, ['ping', '-n', '-c', '5', '-i', '0.2', '-W', '1', '-s', '1380', ...args, address]);
  t.equal((await pingBig(to4, '-M', 'dont')).code, 0, 'without DF the inner packet is fragmented');
  t.match((await pingBig(to4, '-M', 'do')).stdout, /Frag(mentation)? needed|mtu = 1250/);
  const found = await lab.exec(from, ['ip', 'route', 'get', to4]);
  t.match(found.stdout, /mtu 1250/, 'the pod has learned the path');
  t.match(await peers(lab, node), [{ mtu: 1250, mtuBy: 'icmp', mtuSearch: 'told' }]);
  t.ok((await transfer(lab, from, bravo.pods[0], 4, 300))?.intact);
  t.equal((await ping(lab, from, to6)) !== undefined, true, 'small IPv6 packets still cross');
  const total = await counters(lab, node);
  t.ok(total.tx_too_big > 0 && total.tx_fragmented > 0);
  t.equal(total.tx_path_too_big, 0, "the kernel's own idea of the path does not rule");
});
