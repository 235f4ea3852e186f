import t from 'tap';
import { findingsText } from '../../../src/cli/commands/check.js';
import { reloadText } from '../../../src/cli/commands/reload.js';
import { statusText } from '../../../src/cli/commands/status.js';
import { readyLine } from '../../../src/cli/commands/up.js';
import { ratesLines } from '../../../src/cli/counters-table.js';
import type { CounterReading } from '../../../src/control/node-api.js';
import { COUNTER_NAMES } from '../../../src/core/counters.js';
import { STATUS } from '../api/fake-node.js';

const PLAIN = { width: undefined, colours: false };

t.test('the ready line', async (t) => {
  t.equal(
    readyLine(STATUS),
    'ready node=alpha underlay=192.0.2.1 podCidr=10.244.1.0/24,fd00:244:0:1::/64 device=podwire0 mtu=1450 mac=02:00:5e:10:00:01 workers=1 peers=2',
  );
});

t.test('findings', async (t) => {
  const findings = [
    { level: 'ok', subject: 'tun', message: 'it opens' },
    { level: 'warn', subject: 'forwarding', message: 'it is off', mend: 'switch it on' },
    { level: 'bad', subject: 'port', message: 'somebody has it', mend: 'end them' },
  ] as const;
  t.equal(
    findingsText(findings, PLAIN),
    `✓  tun         it opens
!  forwarding  it is off
               → switch it on
✗  port        somebody has it
               → end them

not fit: mend what is marked ✗ (1)`,
  );
  t.match(findingsText(findings.slice(0, 2), PLAIN), /\n\nfit, with warnings \(1\)$/);
  t.match(findingsText(findings.slice(0, 1), PLAIN), /\n\nfit$/);
});

t.test('a reload', async (t) => {
  const none = { added: [], removed: [], changed: [], unchanged: 2 };
  t.equal(reloadText(none), 'nothing to change: 2 peers unchanged');
  t.equal(
    reloadText({ added: ['a', 'b'], removed: ['c'], changed: ['d'], unchanged: 1 }),
    'reloaded: added a, b; removed c; changed d; 1 peer unchanged',
  );
});

t.test('a node without peers says what to do', async (t) => {
  t.match(statusText({ ...STATUS, peers: [] }, PLAIN), /\n\nno peers: name them under peers/);
});

t.test('rates', async (t) => {
  const zero = Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as CounterReading;
  const before = { counters: { ...zero, tx_frames: 10, tx_bytes: 1000 }, atMs: 5000 };
  const now = { counters: { ...zero, tx_frames: 40, tx_bytes: 251_000, tx_no_peer: 1 }, atMs: 7000 };
  const withoutMeaning = ratesLines(before, now, false, PLAIN).map((line) => line.slice(0, 32).trimEnd());
  t.strictSame(withoutMeaning, [
    'COUNTER       COUNT        RATE',
    'tx_frames        40        15/s',
    'tx_bytes    245 KiB  1.0 Mbit/s',
    'tx_no_peer        1       0.5/s',
  ]);
  t.strictSame(ratesLines(undefined, { counters: zero, atMs: 0 }, false, PLAIN), [
    'nothing was counted yet (--all shows what could be)',
  ]);
});
