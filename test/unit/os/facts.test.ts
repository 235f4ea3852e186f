import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { checkNode } from '../../../src/control/check.js';
import { gatherFacts } from '../../../src/os/facts.js';
import { sameWords } from '../../../src/wire/address.js';
import { address, sampleConfig } from '../control/sample-config.js';

/** Whatever the machine, as long as it has Linux, `ip` and a loopback interface. */
const base = { underlay: [address('127.0.0.1')], device: 'podwire-none' };

t.test('a machine is looked at without an error, and quickly', async (t) => {
  const stateDir = t.testdir();
  const config = sampleConfig({ ...base, stateDir, socket: join(stateDir, 'none.sock') });
  const start = performance.now();
  const facts = await gatherFacts(config);
  const ms = performance.now() - start;
  t.comment(`${ms.toFixed(0)} ms`);
  t.ok(ms < 2000);
  t.match(facts, {
    kernel: /^\d+\.\d+/,
    ipProgram: true,
    netAdmin: Boolean,
    tun: /^(ok|missing|denied)$/,
    writable: { stateDir: 'ok', socket: 'ok' },
    agentRuns: false,
    kept: false,
    keptMac: undefined,
    forwarding: { ipv4: Boolean },
    rpFilter: { all: Number, default: Number, writable: Boolean },
  });
  t.ok(facts.interfaces.some((link) => link.name === 'lo' && link.mtu > 0 && link.addresses.length > 0));
  t.ok(facts.openFiles > 0);
  t.ok(checkNode(config, facts).length >= 10, 'and can be judged');
});

t.test('a port that is taken, an agent that runs, a MAC that is kept', async (t) => {
  const holder = createSocket('udp4');
  holder.bind(0, '127.0.0.1');
  await once(holder, 'listening');
  t.teardown(() => holder.close());
  const stateDir = mkdtempSync(join(tmpdir(), 'podwire-t-')); // a Unix socket's path is 107 bytes at most
  t.teardown(() => rmSync(stateDir, { recursive: true }));
  const socket = join(stateDir, 'p.sock');
  const agent = createServer().listen(socket);
  await once(agent, 'listening');
  t.teardown(() => agent.close());
  writeFileSync(join(stateDir, 'mac'), '02:00:5e:10:00:01\n');

  const config = sampleConfig({ ...base, stateDir, socket, vxlan: { vni: 1, port: holder.address().port, dscp: 0 } });
  t.match(await gatherFacts(config), { bind: ['EADDRINUSE'], agentRuns: true, keptMac: '02:00:5e:10:00:01' });
});

t.test(
  'gossip: which of its ports is taken, which nodes to join are reached from where, what is wrong with the key',
  async (t) => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    t.teardown(() => holder.close());
    const { port } = holder.address() as AddressInfo;
    const keyFile = join(t.testdir({ key: 'no key' }), 'key');
    const other = createServer().listen(0, '127.0.0.2');
    await once(other, 'listening');
    t.teardown(() => other.close());
    const itself = { address: address('127.0.0.1'), port: 1 };
    const seed = { address: address('127.0.0.2'), port: 1 };
    const up = { address: address('127.0.0.2'), port: (other.address() as AddressInfo).port };
    // A socket that was not told so may not broadcast, whatever routes there are.
    const nowhere = { address: address('255.255.255.255'), port: 7946 };
    const gossip = { ...sampleConfig().gossip, port, keyFile };
    const facts = await gatherFacts(sampleConfig({ ...base, gossip, join: [itself, seed, up, nowhere] }));
    t.strictSame(facts.gossipBind, [{ udp: 'ok', tcp: 'EADDRINUSE' }]);
    t.strictSame(facts.joins, [
      { to: itself, from: [address('127.0.0.1')], answers: true },
      { to: seed, from: [address('127.0.0.1')], answers: false },
      { to: up, from: [address('127.0.0.1')], answers: true },
      { to: nowhere, from: [], answers: false },
    ]);
    t.match(facts.keyProblem, keyFile);
  },
);

t.test('an underlay address that is not here', async (t) => {
  const facts = await gatherFacts(sampleConfig({ ...base, underlay: [address('203.0.113.77')] }));
  t.strictSame(facts.bind, ['EADDRNOTAVAIL']);
});

t.test('a free port, in both families', async (t) => {
  for (const text of ['127.0.0.1', '::1']) {
    const underlay = address(text);
    // port 0: whichever is free
    const facts = await gatherFacts(
      sampleConfig({ ...base, underlay: [underlay], vxlan: { vni: 1, port: 0, dscp: 0 } }),
    );
    const here = facts.interfaces.some((link) => link.addresses.some((own) => sameWords(own.words, underlay.words)));
    t.strictSame(facts.bind, [here ? 'ok' : 'EADDRNOTAVAIL'], text);
  }
});

t.test('a state directory and a socket that cannot be made', async (t) => {
  const file = join(t.testdir({ file: '' }), 'file');
  const facts = await gatherFacts(sampleConfig({ ...base, stateDir: file, socket: join(file, 'podwire.sock') }));
  t.strictSame(facts.writable, { stateDir: 'ENOTDIR', socket: 'ENOTDIR' });
});
