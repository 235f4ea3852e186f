import t from 'tap';
import { findingsText } from '../../../src/cli/commands/check.js';
import { eventText } from '../../../src/cli/commands/events.js';
import { auditText, ipamText } from '../../../src/cli/commands/ipam.js';
import { keysText } from '../../../src/cli/commands/key.js';
import { reloadText } from '../../../src/cli/commands/reload.js';
import { statusText } from '../../../src/cli/commands/status.js';
import { readyLine } from '../../../src/cli/commands/up.js';
import { ratesLines } from '../../../src/cli/counters-table.js';
import { membersTable } from '../../../src/cli/members-table.js';
import { styled } from '../../../src/cli/output.js';
import { peersTable } from '../../../src/cli/peers-table.js';
import type { CounterReading } from '../../../src/control/node-api.js';
import { COUNTER_NAMES } from '../../../src/core/counters.js';
import { EVENTS, GOSSIP, IPAM, KEYS, MEMBERS, STATUS } from '../api/fake-node.js';

const PLAIN = { width: undefined, colours: false };

t.test('the ready line', async (t) => {
  t.equal(
    readyLine(STATUS),
    'ready node=alpha underlay=192.0.2.1 podCidr=10.244.1.0/24,fd00:244:0:1::/64 device=podwire0 mtu=1450 mac=02:00:5e:10:00:01 workers=1 peers=2',
  );
});

t.test('with two underlays all are named', async (t) => {
  const underlays = ['192.0.2.9', '2001:db8::9'];
  t.match(readyLine({ ...STATUS, underlays }), ' underlay=192.0.2.9,2001:db8::9 ');
  t.match(membersTable([{ ...MEMBERS[0], underlays }], 0, PLAIN)[1], '  192.0.2.9 2001:db8::9  ');
  t.match(peersTable([{ ...STATUS.peers[0], underlays }], PLAIN)[1], '  192.0.2.9 2001:db8::9  ');
  const narrow = membersTable([{ ...MEMBERS[1], underlays }], 0, { width: 60, colours: false });
  t.match(narrow[1], '  192.0.2.9 ', 'one a line');
  t.match(narrow[2], /^ +2001:db8::9$/);
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

t.test('a node that waits says for what', async (t) => {
  const waiting = { ...STATUS, peers: [], gossip: GOSSIP, podCidr: [] };
  t.match(statusText({ ...waiting, phase: 'joining' }, PLAIN), /\n\nno node has let this one in yet/);
  t.match(statusText({ ...waiting, phase: 'waiting-for-subnet' }, PLAIN), /\n\nthis node has no subnet yet/);
  t.match(statusText(waiting, PLAIN), /\ngossip +2 members, port 7946, sealed with key 3f2a90c1\n/);
});

t.test('members', async (t) => {
  t.equal(
    membersTable(MEMBERS, Date.parse('2026-01-01T00:01:05Z'), PLAIN).join('\n'),
    `MEMBER             STATE  UNDERLAY   PODS           INCARNATION     RTT  SINCE  DATA PATH
alpha (this node)  alive  192.0.2.1  10.244.1.0/24            2       -  1m 5s  -
bravo              alive  192.0.2.2  10.244.2.0/24            5  0.4 ms  1m 5s  down
charlie            dead   192.0.2.3  -                        1       -  1m 5s  -

! gossip reaches bravo, its VXLAN port does not answer`,
  );
});

t.test('members on a terminal', async (t) => {
  const [alpha, bravo] = MEMBERS;
  const members = [alpha, { ...bravo, podCidr: ['10.244.117.0/24', 'fd00:244:0:75::/64'] }];
  const at = (width: number) =>
    membersTable(members, Date.parse('2026-01-01T00:01:05Z'), { width, colours: false }).join('\n');
  t.equal(
    at(120),
    `MEMBER             STATE  UNDERLAY   PODS                                INCARNATION     RTT  SINCE  DATA PATH
alpha (this node)  alive  192.0.2.1  10.244.1.0/24                                 2       -  1m 5s  -
bravo              alive  192.0.2.2  10.244.117.0/24 fd00:244:0:75::/64            5  0.4 ms  1m 5s  down

! gossip reaches bravo, its VXLAN port does not answer`,
  );
  t.equal(
    at(80),
    `MEMBER            STATE  UNDERLAY   PODS                   RTT  SINCE  DATA PATH
alpha (this       alive  192.0.2.1  10.244.1.0/24            -  1m 5s  -
node)
bravo             alive  192.0.2.2  10.244.117.0/24     0.4 ms  1m 5s  down
                                    fd00:244:0:75::/64

! gossip reaches bravo, its VXLAN port does not answer`,
  );
  t.equal(
    at(40),
    `MEMBER    STATE  UNDERLAY   PODS                DATA PATH
alpha     alive  192.0.2.1  10.244.1.0/24       -
(this
node)
bravo     alive  192.0.2.2  10.244.117.0/24     down
                            fd00:244:0:75::/64

! gossip reaches bravo, its VXLAN port
does not answer`,
  );
});

t.test('peers and subnets on a terminal', async (t) => {
  const podCidr = ['10.244.117.0/24', 'fd00:244:0:75::/64'];
  const peers = STATUS.peers.map((peer) => ({ ...peer, podCidr }));
  const own = podCidr;
  for (const width of [40, 80, 120]) {
    const look = { width, colours: false };
    for (const lines of [
      peersTable(peers, look),
      statusText({ ...STATUS, podCidr, peers }, look).split('\n'),
      ipamText({ ...IPAM, own }, look).split('\n'),
    ]) {
      for (const prefix of podCidr)
        t.ok(
          lines.some((line) => line.includes(prefix)),
          `${prefix} is whole`,
        );
      if (width > 40)
        t.ok(
          lines.slice(2).every((line) => line.length <= width),
          `${width} columns are enough`,
        );
    }
  }
});

t.test('subnets', async (t) => {
  t.equal(
    ipamText(IPAM, PLAIN),
    `cluster    10.244.0.0/16 in /24
subnets    256: 2 used, 1 kept for nodes that are away, 253 free
this node  10.244.1.0/24, held

SUBNET         OWNER              STATE               EPOCH
10.244.1.0/24  alpha (this node)  alive                   1
10.244.2.0/24  bravo              alive, another's  by hand`,
  );
});

t.test('an audit counts pods', async (t) => {
  t.equal(auditText({ pods: 1, findings: [] }, PLAIN), '1 pod, all is as it is remembered');
  t.equal(auditText({ pods: 0, findings: [] }, PLAIN), '0 pods, all is as it is remembered');
});

t.test('keys', async (t) => {
  t.equal(
    keysText(KEYS, PLAIN),
    `KEY       THIS NODE  HELD BY  SEALS AT     MISSING AT
3f2a90c1  seals      2 of 2   alpha bravo  -
77b0d1e4  opens      1 of 2   -            bravo`,
  );
  t.equal(keysText([], PLAIN), 'no keys: gossip is insecure');
});

t.test('events', async (t) => {
  t.equal(eventText(EVENTS[1], PLAIN), '2026-01-01 00:00:01  failed            charlie is dead: nobody reaches it');
  const coloured = { ...PLAIN, colours: true };
  const red = EVENTS.map((event) => eventText(event, coloured).includes(styled(event.kind, 'red', coloured)));
  t.strictSame(red, [false, true], 'what is alarming stands out');
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
