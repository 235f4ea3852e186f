/** What a node's pods keep where something fails, or is asked for twice. */
import t from 'tap';
import { ALIAS } from '../../../src/pods/attach/parts.js';
import { CNI } from '../../../src/pods/cni/error.js';
import { deviceName } from '../../../src/pods/device-name.js';
import type { PortMapping } from '../../../src/pods/pod-record.js';
import { FakeNode, link, NETWORK, words } from './fake-node.js';

t.test('a life whose first look fails knows its pods, and adds none before it has looked', async (t) => {
  const node = new FakeNode();
  const before = await node.life();
  const [a] = (await before.add(NETWORK, words('a'))).ips ?? [];
  let fails = true;
  node.kernel.links = async () => {
    if (fails) throw new Error("'ip -batch' did not finish (SIGKILL)");
    return node.links;
  };
  const pods = await node.life();
  t.match(node.events.at(-1), /^pods-failed: what an earlier life left is not taken up: 'ip -batch' did not finish/);
  t.same(
    pods.records().map(({ containerId }) => containerId),
    ['a'],
  );
  const refused = { code: CNI.TRY_AGAIN, message: /^what an earlier .* \(SIGKILL\); nothing was changed$/ };
  await t.rejects(pods.add(NETWORK, words('b')), refused);
  await t.rejects(pods.status(), { code: CNI.UNAVAILABLE });
  await t.rejects(pods.audit(true), { code: 'REFUSED', message: /is not taken up/ });
  await pods.gc({ name: NETWORK.name, valid: [{ containerID: 'a', ifname: 'eth0' }] });
  t.equal(pods.records().length, 1);
  fails = false;
  const [b] = (await pods.add(NETWORK, words('b'))).ips ?? [];
  t.not(b.address, a.address, 'a living pod’s address is given to nobody');
  await pods.status();
  await pods.del(words('a'));
  t.same(
    (await node.life()).records().map(({ containerId }) => containerId),
    ['b'],
    'and the next life knows',
  );
});

t.test('while devices were not looked at, what they lead to stays', async (t) => {
  const node = new FakeNode();
  node.append([{ do: 'whole', key: 'begin is missing' }]);
  const device = deviceName('a/eth0');
  node.links = [link(device, { alias: `${ALIAS} a eth0 ptp 10.244.1.2 02:00:00:00:00:01` })];
  let fails = true;
  node.kernel.links = async () => {
    if (fails) throw new Error('no');
    return node.links;
  };
  const pods = await node.life();
  await t.rejects(pods.audit(true));
  await pods.close();
  t.notOk(node.asked.some((line) => line.startsWith('link del')));
  fails = false;
  const next = await node.life();
  t.match(next.records(), [{ device, addresses: ['10.244.1.2'] }], 'it is taken over');
});

t.test('a device is one pod’s, and what fails beside it leaves its rules', async (t) => {
  const node = new FakeNode();
  node.links = [link('vf0', { link: 'vf0-node' }), link('vf0-node', { link: 'vf0' }), link('vf1')];
  const pods = await node.life();
  const device = { ...NETWORK, attach: 'device' as const, device: 'vf0' };
  const [first, second] = await Promise.allSettled([pods.add(device, words('a')), pods.add(device, words('b'))]);
  t.equal(first.status, 'fulfilled');
  t.match(second, {
    reason: {
      code: CNI.NOT_HERE,
      message: 'the device vf0 is handed over to container a (eth0), until that is taken off; nothing was changed',
    },
  });
  node.kernel.pod = async () => {
    throw new Error('no');
  };
  await t.rejects(pods.add({ ...device, device: 'vf1', via: 'vf0-node' }, words('c')), /taken back/);
  t.notOk(node.filters.some((text) => text.includes('delete chain netdev podwire vf0-node')));
  await pods.del(words('a'));
  t.match(node.filters.at(-1), /delete chain netdev podwire vf0-node/, 'they go with their pod');
});

t.test('who ends, or has handed over, touches no pods', async (t) => {
  const node = new FakeNode();
  const pods = await node.life();
  await pods.add(NETWORK, words('a'));
  const begun = pods.add(NETWORK, words('b'));
  await Promise.all([begun, pods.close()]);
  t.equal(pods.records().length, 2, 'what was begun is done before');
  const asked = node.asked.length;
  const refused = { code: CNI.TRY_AGAIN, message: /^podwire ends, or hands over: .*; nothing was changed$/ };
  await t.rejects(pods.add(NETWORK, words('c')), refused);
  await t.rejects(pods.del(words('a')), refused);
  await t.rejects(pods.check(NETWORK, words('a')), refused);
  await t.rejects(pods.gc({ name: NETWORK.name, valid: [] }), refused);
  await t.rejects(pods.audit(true), refused);
  await t.rejects(pods.status(), { code: CNI.UNAVAILABLE });
  t.equal(node.asked.length, asked);
  t.equal(pods.records().length, 2);
});

t.test('a port of the node leads to one pod', async (t) => {
  const pods = await new FakeNode().life();
  const mapped = (port: Partial<PortMapping>) => ({
    ...NETWORK,
    ports: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' as const, ...port }],
  });
  const refused = {
    code: CNI.CONFIG,
    message: /^portMappings: hostPort 8080 \(tcp\) leads to container \w+ \(eth0\); nothing was changed, /,
  };
  const [first, second] = await Promise.allSettled(['a', 'b'].map((id) => pods.add(mapped({}), words(id))));
  t.equal(first.status, 'fulfilled');
  t.match(second, { reason: refused }, 'at the same time');
  await t.rejects(pods.add(mapped({ hostIP: '192.0.2.1' }), words('c')), refused, 'without an address it is all');
  await pods.add(mapped({ protocol: 'udp' }), words('d'));
  await pods.add(mapped({ hostPort: 8081, hostIP: '2001:db8::1' }), words('e'));
  await pods.add(mapped({ hostPort: 8081, hostIP: '192.0.2.1' }), words('f'));
  const same = mapped({ hostPort: 8081, hostIP: '2001:db8:0:0::1' });
  await t.rejects(pods.add(same, words('g')), /hostPort 8081 \(tcp\) leads to container e /);
  await pods.del(words('a'));
  await pods.add(mapped({}), words('b'));
});

t.test('while something still leads to a pod that failed, its address is given to nobody', async (t) => {
  const node = new FakeNode();
  const pods = await node.life();
  node.kernel = {
    pod: async () => {
      throw new Error('no');
    },
    nodeForced: async (lines) => (lines.some((line) => line.startsWith('link del')) ? ['Device or resource busy'] : []),
  };
  const kept = /^no; the pod's pw\w+ cannot be removed: Device or resource busy; its address stays taken$/;
  await t.rejects(pods.add(NETWORK, words('a')), { message: kept });
  t.match(pods.records(), [{ containerId: 'a', addresses: ['10.244.1.2'] }]);
  const next = await node.life();
  t.match(node.events.at(-1), /^pods-failed: the pod's pw\w+ cannot be removed/);
  node.kernel.nodeForced = async () => {
    throw new Error("'ip -batch' did not finish");
  };
  await t.rejects(
    next.add(NETWORK, words('b')),
    / cannot be removed: 'ip -batch' did not finish; its address stays taken$/,
  );
  node.kernel = {};
  const [c] = (await next.add(NETWORK, words('c'))).ips ?? [];
  t.equal(c.address, '10.244.1.4/32');
  await next.del(words('a'));
  await next.del(words('b'));
  t.equal(next.records().length, 1, 'DEL takes off what is left');
  node.kernel.filter = async () => {
    throw new Error('nft is not installed');
  };
  await t.rejects(next.add(NETWORK, words('d')), /of what was made this is left: nft is not installed/);
  t.equal(next.records().length, 1, 'rules alone keep no address');
});
