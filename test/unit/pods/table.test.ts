/** Addresses of pods, and what is remembered of them: pure, so tried against a naive twin by a seed. */
import t from 'tap';
import { seededRandom } from '../../../src/core/random.js';
import { COOL_DOWN, PodAddresses } from '../../../src/pods/addresses.js';
import type { AddressRange } from '../../../src/pods/attachment.js';
import { type Entry, readLines, writeLine } from '../../../src/pods/journal.js';
import { type PodRecord, podKey } from '../../../src/pods/pod-record.js';
import { PodTable } from '../../../src/pods/pod-table.js';
import { type Address, formatAddress, type Prefix, parseAddress, parsePrefix } from '../../../src/wire/address.js';

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

/** An address, or why there is none. */
function given(pool: PodAddresses, holder: string, now: number, wanted?: string): string {
  const one = pool.allocate(holder, now, wanted === undefined ? undefined : address(wanted));
  return 'why' in one ? one.why : formatAddress(one);
}

t.test('addresses: each once, in their order, then the longest at rest', async (t) => {
  const pool = new PodAddresses(prefix('10.0.0.0/29'));
  t.equal(pool.size, 5, '.0 is the node, .1 the gateway, .7 the broadcast address');
  t.same(
    [1, 2, 3, 4, 5].map((n) => given(pool, `pod${n}`, 0)),
    [2, 3, 4, 5, 6].map((n) => `10.0.0.${n}`),
  );
  t.equal(given(pool, 'late', 0), 'exhausted');
  pool.release(address('10.0.0.4'), 1000);
  pool.release(address('10.0.0.2'), 2000);
  t.equal(given(pool, 'late', 2000), 'cooling');
  t.equal(given(pool, 'late', 1000 + COOL_DOWN), '10.0.0.4');
  t.equal(given(pool, 'later', 1000 + COOL_DOWN), 'cooling');
  t.equal(given(pool, 'later', 2000 + COOL_DOWN), '10.0.0.2');
  pool.release(address('10.0.0.6'), 9_000_000);
  t.equal(given(pool, 'clock', 0), '10.0.0.6', 'a clock that was set back keeps nothing');
});

t.test('a pod whose MTU is too small for IPv6 has none', async (t) => {
  const [four, six] = [prefix('10.0.0.0/24'), prefix('fd00::/64')];
  const table = new PodTable();
  table.setSubnets([four, six]);
  const given = (mtu: number, ...wanted: string[]) => {
    const addresses = table.allocate('pod', wanted.map(address), 0, undefined, mtu);
    return 'why' in addresses ? addresses.words : addresses.map(formatAddress);
  };
  t.same(given(1280), ['10.0.0.2', 'fd00::3']);
  t.same(given(1279), ['10.0.0.3']);
  t.same(given(1200, '10.0.0.9'), ['10.0.0.9']);
  t.equal(given(1200, '10.0.0.8', 'fd00::9'), "IPv6 needs an MTU of 1280, and the pod's is 1200");
  t.same(given(1200, '10.0.0.8'), ['10.0.0.8'], 'a refusal takes none');
  table.setSubnets([six]);
  t.equal(given(1230), "IPv6 needs an MTU of 1280, and the pod's is 1230", 'nothing is left');
});

t.test('addresses that are asked for', async (t) => {
  const pool = new PodAddresses(prefix('10.0.0.0/24'));
  t.equal(given(pool, 'a', 0, '10.0.0.9'), '10.0.0.9');
  t.equal(given(pool, 'b', 0, '10.0.0.9'), 'taken');
  for (const reserved of ['10.0.0.0', '10.0.0.1']) t.equal(given(pool, 'b', 0, reserved), 'reserved');
  for (const outside of ['10.0.1.9', '10.0.0.255', 'fd00::9']) t.equal(given(pool, 'b', 0, outside), 'outside');
  pool.release(address('10.0.0.9'), 0);
  t.equal(given(pool, 'b', 1, '10.0.0.9'), '10.0.0.9', 'it need not have rested');
  const six = new PodAddresses(prefix('fd00::/64'));
  t.equal(given(six, 'a', 0), 'fd00::3', ':: is any router, ::1 the gateway, ::2 the node');
  t.equal(given(six, 'b', 0, 'fd00::2'), 'reserved');
  t.equal(given(six, 'b', 0, 'fd00::1:0:0:5'), 'outside', 'far behind those that are used');
});

function record(containerId: string, addresses: readonly string[]): PodRecord {
  return {
    containerId,
    ifname: 'eth0',
    netns: `/run/netns/${containerId}`,
    network: 'podwire',
    attach: 'bridge',
    device: `pw${containerId}`,
    mac: '02:00:00:00:00:01',
    mtu: 1450,
    addresses,
    masquerade: false,
    ports: [],
    since: 0,
  };
}

const SUBNETS = [prefix('10.0.0.0/28'), prefix('fd00::/124')];

t.test('what was written down is what there was, wherever it is cut', async (t) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  const table = new PodTable();
  table.setSubnets(SUBNETS);
  const entries: Entry[] = [{ do: 'begin', version: 1, boot: 'one' }];
  const held = new Map<string, string>();
  let now = 0;
  for (let step = 0; step < 400; step++) {
    now += Math.floor(random() * COOL_DOWN);
    const living = [...table.pods()];
    if (random() < 0.5 && living.length > 0) {
      const { record: gone } = living[Math.floor(random() * living.length)];
      for (const text of gone.addresses) held.delete(text);
      entries.push(table.gone(podKey(gone), now));
      continue;
    }
    const key = `c${step}/eth0`;
    const addresses = table.allocate(key, [], now);
    if ('why' in addresses) continue;
    const texts = addresses.map(formatAddress);
    for (const text of texts) {
      if (held.has(text)) t.fail(`${text} is held by ${held.get(text)} and given to ${key}`);
      held.set(text, key);
    }
    entries.push(table.making(record(`c${step}`, texts)), table.whole(key));
  }
  const again = new PodTable();
  again.setSubnets(SUBNETS);
  const { entries: read, damaged, torn } = readLines(entries.map(writeLine).join(''));
  t.same({ damaged, torn }, { damaged: [], torn: false });
  t.equal(again.replay(read), 'one');
  t.same(again.entries('one'), table.entries('one'));
  const late = new PodTable();
  late.replay(readLines(table.entries('one').map(writeLine).join('')).entries);
  late.setSubnets(SUBNETS);
  t.same(late.entries('one'), table.entries('one'), 'also where the subnets are known only afterwards');
  for (const pod of [1, 2, 3]) {
    const [one, other] = [table, late].map((each) => each.allocate(`new${pod}/eth0`, [], now));
    t.same(one, other, 'and the next addresses are the same');
  }
});

t.test('damage is found, and the rest is used', async (t) => {
  const lines = [
    writeLine({ do: 'begin', version: 1, boot: 'one' }),
    writeLine({ do: 'making', record: record('a', ['10.0.0.2']) }),
    writeLine({ do: 'whole', key: 'a/eth0' }),
  ];
  t.match(readLines(lines.join('').slice(0, -5)), { damaged: [], torn: true, entries: { length: 2 } }, 'cut off');
  t.match(
    readLines(lines.join('').replace('10.0.0.2', '10.0.0.3')),
    { damaged: [2], entries: { length: 2 } },
    'changed',
  );
  t.match(readLines(lines.slice(1).join('')), { damaged: [1] }, 'without its beginning');
  t.match(readLines('\0'.repeat(4096)), { damaged: [1], torn: true, entries: [] }, 'zeros, as after a power cut');
});

t.test('no address of one family: none of the other is taken', async (t) => {
  const table = new PodTable();
  table.setSubnets([prefix('10.0.0.0/24'), prefix('fd00::/126')]);
  t.notOk('why' in table.allocate('a', [], 0));
  t.match(table.allocate('b', [], 0), { why: 'exhausted' });
  t.same(table.usage(4), { held: 1, size: 253 });
});

t.test(
  'ranges of foreign networks: others’ addresses are left out, and overlapping ones know of each other',
  async (t) => {
    const range = { range: prefix('192.0.2.0/30'), reserved: [address('192.0.2.1')] };
    const wider = { range: prefix('192.0.2.0/29'), reserved: [] };
    const ask = (table: PodTable, key: string, now: number, from: AddressRange, wanted: Address[] = []) => {
      const given = table.allocate(`${key}/eth0`, wanted, now, [from]);
      if ('why' in given) return given.why;
      const [text] = given.map(formatAddress);
      table.making(record(key, [text]));
      table.whole(`${key}/eth0`);
      return text;
    };
    const table = new PodTable();
    table.setSubnets(SUBNETS);
    t.equal(ask(table, 'a', 0, range), '192.0.2.0', 'the first and the last are as good as any');
    t.equal(ask(table, 'b', 0, range), '192.0.2.2');
    t.equal(ask(table, 'x', 0, range, [address('192.0.2.1')]), 'reserved');
    t.equal(ask(table, 'x', 0, range, [address('192.0.2.9')]), 'outside');
    t.equal(ask(table, 'x', 0, range, [address('fd00::9')]), 'outside', 'no such family');
    t.equal(ask(table, 'c', 0, range), '192.0.2.3');
    t.equal(ask(table, 'd', 0, range), 'exhausted');
    table.gone('a/eth0', 1000);
    t.equal(ask(table, 'd', 2000, range), 'cooling');
    t.equal(ask(table, 'd', 2000, wider), '192.0.2.1', 'what the one holds or rests the other does not give out');
    t.equal(ask(table, 'e', 2000, wider), '192.0.2.4');
    const later = new PodTable();
    later.replay(table.entries('one'));
    later.setSubnets(SUBNETS);
    t.equal(ask(later, 'f', 2000, range), 'cooling', 'over a restart too');
    t.equal(ask(later, 'f', 1000 + COOL_DOWN, range), '192.0.2.0');
  },
);
