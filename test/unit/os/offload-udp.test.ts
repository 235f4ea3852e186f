/** Real sockets on loopback, under honest and under lying kernels. */
import t from 'tap';
import { testUdpOffloads } from '../../../src/os/offload-udp.js';
import type { SystemCalls } from '../../../src/os/system-calls.js';
import { address } from '../dataplane/packets.js';
import { anySystemCalls, both } from './both-system-calls.js';
import { LIES, lying } from './lies.js';

const { system, skip } = anySystemCalls();
const AUTO = { udpSegment: 'auto', udpGro: 'auto' } as const;
const WORKING = [
  { offload: 'udpSegment', verdict: 'works', seen: '' },
  { offload: 'udpGro', verdict: 'works', seen: '' },
];

for (const { name, system, skip } of both) {
  t.test(`${name}: this kernel keeps its promises`, { skip }, async (t) => {
    for (const text of ['127.0.0.1', '::1']) {
      if (system) t.strictSame(await testUdpOffloads(system, address(text), AUTO), WORKING);
    }
  });
}

t.test('each lie is found, and only what it breaks', { skip }, async (t) => {
  if (!system) return;
  for (const [name, { breaks, reason }] of Object.entries(LIES)) {
    const results = await testUdpOffloads(lying(system, name), address('127.0.0.1'), AUTO);
    const [broken, ...more] = results.filter(({ verdict }) => verdict === 'broken');
    const found = breaks === 'udpSegment' || breaks === 'udpGro' ? breaks : undefined;
    t.equal(broken?.offload, found, `${name}: ${broken?.seen}`);
    if (broken && reason) t.match(broken.seen, reason);
    t.strictSame(more, []);
  }
});

t.test('what is switched off is not tried', { skip }, async (t) => {
  if (!system) return;
  const asked: boolean[] = [];
  const watched: SystemCalls = {
    ...system,
    udpOpen(options) {
      asked.push(options.gro);
      return system.udpOpen(options);
    },
  };
  const off = { udpSegment: 'off', udpGro: 'off' } as const;
  t.strictSame(await testUdpOffloads(watched, address('127.0.0.1'), off), []);
  t.strictSame(asked, []);
  const [segment] = await testUdpOffloads(watched, address('127.0.0.1'), { ...off, udpSegment: 'auto' });
  t.match(segment, { offload: 'udpSegment', verdict: 'works' });
  t.notOk(asked.includes(true));
  t.match(await testUdpOffloads(system, address('127.0.0.1'), { ...off, udpGro: 'auto' }), [
    { offload: 'udpGro', verdict: 'unknown', seen: /trains/ },
  ]);
});

t.test('where nothing arrives nothing is known; a kernel without UDP_GRO has none', { skip }, async (t) => {
  if (!system) return;
  const deaf: SystemCalls = { ...system, udpReceive: () => 0 };
  const unknown = { verdict: 'unknown', seen: /firewall/ };
  t.match(await testUdpOffloads(deaf, address('127.0.0.1'), AUTO), [unknown, unknown]);
  const old: SystemCalls = { ...system, udpOpen: (options) => system.udpOpen({ ...options, gro: false }) };
  t.match(await testUdpOffloads(old, address('127.0.0.1'), AUTO), [
    WORKING[0],
    { offload: 'udpGro', verdict: 'absent' },
  ]);
});
