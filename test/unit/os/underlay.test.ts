import t from 'tap';
import { underlayFacts } from '../../../src/os/underlay.js';
import { address } from '../control/sample-config.js';

t.test('the interface that holds the address', async (t) => {
  t.match(await underlayFacts(address('127.0.0.1')), { device: 'lo', up: true, mtu: Number, tunMtu: Number });
});

t.test('an address that this machine has not', async (t) => {
  await t.rejects(underlayFacts(address('203.0.113.77')), {
    code: 'MACHINE',
    message: /^no interface holds the underlay address 203\.0\.113\.77; there is .*127\.0\.0\.1 \(lo\)/,
  });
});
