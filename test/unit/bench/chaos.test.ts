/** The parts of the run of faults that judge: whoever accuses podwire of a loss must be right. */
import t from 'tap';
import { content, intact } from '../../../bench/chaos/content.js';
import { planFlows } from '../../../bench/chaos/flows.js';
import { added, devices } from '../../../bench/chaos/kernel.js';
import { balance } from '../../../bench/chaos/ledger.js';
import { judgeLife } from '../../../bench/chaos/memory.js';
import type { HostReading, Reading } from '../../../bench/chaos/readings.js';
import { FAULT_KINDS, type Fault, only, type Round, schedule } from '../../../bench/chaos/schedule.js';
import { Sequence } from '../../../bench/chaos/sequence.js';
import { COUNTER_NAMES } from '../../../src/core/counters.js';
import { planLab } from '../../../src/lab/plan.js';

/** Bytes of a frame behind the outer UDP header; how many frames get lost, and theirs. */
const FRAME = 122;
const FRAMES = 150;
const BYTES = FRAMES * FRAME;
const HOSTS = ['alpha', 'bravo', 'charlie', 'delta'];

function firstRounds(seed: number, count: number, swallow = true): Round[] {
  const rounds = schedule({ seed, hosts: HOSTS, swallow });
  return Array.from({ length: count }, () => rounds.next().value);
}

t.test('a seed is a series of faults', async (t) => {
  t.same(firstRounds(7, 50), firstRounds(7, 50));
  t.notSame(firstRounds(7, 50), firstRounds(8, 50));
});

t.test(
  'every kind comes before any comes again; the last host is never ended; no side of a partition is empty',
  async (t) => {
    const kinds = (rounds: readonly Round[]) => rounds.map(({ fault }) => kindOf(fault)).sort();
    const rounds = firstRounds(1, 200);
    t.equal(new Set(kinds(rounds.slice(0, 10))).size, 10);
    t.same(kinds(rounds.slice(0, 10)), kinds(rounds.slice(10, 20)));
    t.equal(new Set(kinds(firstRounds(1, 9, false))).has('narrow false'), false);
    for (const { fault } of rounds) {
      if (fault.kind === 'stop' || fault.kind === 'kill') t.not(fault.host, 'delta');
      if (fault.kind === 'partition') t.ok(fault.hosts.length >= 1 && fault.hosts.length < HOSTS.length);
    }
  },
);

t.test('only some kinds, in the order of the seed', async (t) => {
  const few = only(new Set(['kill', 'link-down']), firstRounds(3, 30));
  t.same(
    [...few],
    firstRounds(3, 30).filter(({ fault: { kind } }) => kind === 'kill' || kind === 'link-down'),
  );
  t.same(new Set(firstRounds(3, 30).map(({ fault: { kind } }) => kind)), new Set(FAULT_KINDS));
});

t.test('numbers: lost, twice, late', async (t) => {
  const sequence = new Sequence();
  for (const number of [0, 1, 4, 2, 2, 4, 5]) sequence.take(number);
  t.match(sequence, { received: 5, duplicates: 2, late: 1 });
  sequence.settle();
  sequence.take(3);
  t.match(sequence, { received: 5, duplicates: 3, late: 1 }, 'what was lost at a quiet moment cannot come any more');
});

t.test('a content is known by its place and its key', async (t) => {
  const whole = Buffer.concat([content(3, 0, 65_000), content(3, 65_000, 65_000), content(3, 130_000, 10)]);
  t.ok(intact(whole, 3, 0));
  t.ok(intact(whole.subarray(1_000, 120_000), 3, 1_000));
  t.notOk(intact(whole, 4, 0));
  t.notOk(intact(whole.subarray(1), 3, 0));
  const changed = Buffer.from(whole);
  changed[100_000] ^= 1;
  t.notOk(intact(changed, 3, 0));
});

t.test("the kernel's figures: devices' drops, and what was added to them", async (t) => {
  const head = 'Inter-|   Receive\n face |bytes\n';
  const drops = devices(`${head}  eth0: 10 1 0 5 0 0 0 0 20 2 0 7 0 0 0 0\n`);
  t.same(drops, { 'dev eth0 rx': 5, 'dev eth0 tx': 7 });
  t.same(added({ a: 5, b: 2, c: 1 }, { a: 3, b: 9, c: 1 }), { a: 2, b: 2 }, 'what has fallen is something new');
});

t.test('memory: what a collection leaves is judged, not what lies between two', async (t) => {
  /** 40 minutes; garbage rises by 1 MiB a minute and is gone every five. */
  const verdict = (change: { heap?: number; rss?: number; minutes?: number; collected?: boolean }) => {
    const { heap = 0, rss = 0, minutes = 40, collected = true } = change;
    const samples = Array.from({ length: minutes * 4 }, (_, i) => ({
      seconds: 15 * i,
      collected: collected && i % 2 === 0,
      rssKiB: 100_000 + (rss * i) / 4 + 300 * (i % 3),
      heapKiB: 15_000 + (heap * i) / 4 + 50 * (i % 3) + (i % 2 === 0 ? 0 : 256 * (i % 20)),
    }));
    return judgeLife({ node: 'delta', number: 1, readyMs: 1, samples: samples.map((s) => ({ ...s, files: 40 })) })
      .verdict;
  };
  t.equal(verdict({}), 'steady');
  t.equal(verdict({ heap: 60 }), 'grows', 'a leak that the resident memory has room for');
  t.equal(verdict({ rss: 200 }), 'grows', 'one that is not in the heap');
  t.equal(verdict({ minutes: 9, rss: 500 }), 'too short');
  t.equal(verdict({ collected: false, rss: 500 }), 'too short', 'nothing was collected');
});

t.test('the account: what is counted is explained, the rest is not', async (t) => {
  const { hosts } = planLab({ name: 'ledger', hosts: 2 }, 1);
  const flows = planFlows(hosts);
  const judge = (change: Change) => balance(flows, moment(0, {}), moment(100, change));
  const none = judge({});
  t.match(none, { sent: 400, received: 400, duplicates: 0, duplicatedByUs: 0, unaccounted: [], inFlight: 0 });
  t.same(none.lost, { host: 0, sending: 0, network: 0, receiving: 0 });

  t.same(judge({ flowIn: -3 }).unaccounted.slice(0, 1), [{ stage: 'sending', where: 'alpha', packets: 3 }]);
  t.same(judge({ flowIn: -3, noPeer: 3 }).unaccounted, [{ stage: 'network', where: 'router', packets: -3 }]);
  t.match(judge({ received: -3 }).unaccounted, [{ stage: 'receiving', where: 'bravo', packets: 3 }]);
  t.match(judge({ received: -3, ended: 1 }), { unaccounted: [], inFlight: 3 });
  t.match(judge({ duplicates: 2 }), { duplicatedByUs: 2, unaccounted: [{ stage: 'receiving', packets: -2 }] });

  const all = { frames: FRAMES, waiting: 0, link: 0 };
  t.match(
    judge({ gone: 'unposted' }).unaccounted,
    [{ stage: 'frames posted' }, { stage: 'frames sent', packets: FRAMES }],
    'podwire says that it sent them, and did not',
  );
  t.match(judge({ gone: 'waiting' }), { unaccounted: [], behind: { ...all, waiting: BYTES } }, 'no neighbour');
  t.match(judge({ gone: 'waiting', flowIn: -3 }).unaccounted, [{ stage: 'network', packets: -3 }], 'datagrams in them');
  t.match(judge({ gone: 'link' }).unaccounted, [{ stage: 'frames to the link', where: 'alpha', packets: 13 }]);
  t.match(judge({ gone: 'link', linkDrops: 1 }), { unaccounted: [], behind: { ...all, link: BYTES } }, 'one message');

  /** Differences at alpha that sends, and at bravo that receives. */
  interface Change {
    readonly flowIn?: number;
    readonly noPeer?: number;
    readonly received?: number;
    readonly duplicates?: number;
    readonly ended?: number;
    /** Where FRAMES frames got lost. */
    readonly gone?: 'unposted' | 'waiting' | 'link';
    readonly linkDrops?: number;
  }

  /** Each flow has sent so many, and all came but for the change. */
  function moment(each: number, change: Change): Reading {
    const udp = flows.filter(({ kind }) => kind === 'udp');
    const zero = Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as HostReading['counts'];
    const bytes = 2 * each * FRAME;
    const until = (...places: Change['gone'][]) => (places.includes(change.gone) ? BYTES : 0);
    const node = (counts: Partial<HostReading['counts']>, ended = 0, first = 0): HostReading => ({
      counts: {
        ...zero,
        tx_frames: 2 * each,
        tx_bytes: 2 * each * (FRAME - 22),
        rx_datagrams: 2 * each,
        rx_frames: 2 * each,
        ...counts,
      },
      deviceDrops: {},
      handed: 2 * each,
      posted: bytes - first * until('unposted'),
      left: bytes - first * until('unposted', 'waiting'),
      host: first ? { 'dev eth0 tx': change.linkDrops ?? 0 } : {},
      pod: {},
      cuts: ended,
    });
    const pod = (name: string, received: number, duplicates: number) => ({
      sent: Object.fromEntries(flows.map(({ id, kind }) => [id, kind === 'udp' ? each : 0])),
      refused: 0,
      udp: Object.fromEntries(
        udp
          .filter(({ to }) => to === name)
          .map(({ id }, first) => [
            id,
            { received: each + (first === 0 ? received : 0), duplicates: first === 0 ? duplicates : 0, late: 0 },
          ]),
      ),
      tcp: {},
      completed: 0,
      broken: {},
      damaged: 0,
    });
    const names = ['alpha', 'bravo'].flatMap((name) => ['all', 'flow'].map((what) => [what, name]));
    const counters = Object.fromEntries(
      names.flatMap(([what, name]) => [
        [`${what}_in_${name}`, 2 * each],
        [`${what}_out_${name}`, 2 * each],
      ]),
    );
    counters['flow_in_alpha'] += change.flowIn ?? 0;
    counters['all_in_alpha'] -= change.gone ? FRAMES : 0;
    const payload = { alpha: bytes - until('unposted', 'waiting', 'link'), bravo: bytes };
    return {
      reports: { alpha: pod('alpha', 0, 0), bravo: pod('bravo', change.received ?? 0, change.duplicates ?? 0) },
      router: { counters, payload, drops: {}, queue: 0 },
      hosts: {
        alpha: node({ tx_no_peer: change.noPeer ?? 0 }, 0, 1),
        bravo: node({}, change.ended),
      },
    };
  }
});

function kindOf(fault: Fault): string {
  return fault.kind === 'narrow' ? `narrow ${fault.told}` : fault.kind;
}
