/** Monitors under a virtual clock, on a wire that loses and delays what it is told to. */
import t from 'tap';
import { macFromName } from '../../../src/core/mac.js';
import { type PathChange, PathMonitor, type ProbedNode } from '../../../src/core/path-monitor.js';
import { seededRandom } from '../../../src/core/random.js';
import { decodePathProbe, encodePathProbe, PATH_PROBE_FRAME, pathProbeId } from '../../../src/wire/path-probe.js';
import { encapsulationPrefix, VXLAN_HEADER } from '../../../src/wire/vxlan.js';

const SEED = Number(process.env['PODWIRE_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
t.comment(`PODWIRE_SEED=${SEED}`);

const VXLAN = { vni: 1, port: 8472 };
const KEY = Buffer.alloc(32, 1);
const NEW_KEY = Buffer.alloc(32, 2);
const ALPHA = probed('alpha');
const BRAVO = probed('bravo');

function probed(node: string): ProbedNode {
  return { node, mac: macFromName(node) };
}

/** Monitors by name, and what is on its way between them. */
class World {
  now = 1000;
  /** One way, ms. */
  delay = 5;
  /** Directions that nothing passes, as `alpha>bravo`. */
  readonly cut = new Set<string>();
  readonly changes: (PathChange & { by: string; at: number })[] = [];
  readonly arrived: { by: string; node: string; size: number }[] = [];
  /** Longer UDP payloads than this are lost, bytes. */
  longest = 9000;
  readonly sent: { from: string; to: string; frame: Uint8Array; at: number }[] = [];
  readonly #random = seededRandom(SEED);
  readonly #monitors = new Map<string, PathMonitor>();
  #flying: { from: string; to: string; frame: Uint8Array; at: number }[] = [];

  add(self: ProbedNode, keys: readonly Uint8Array[] = [KEY]): PathMonitor {
    const by = self.node;
    const monitor = new PathMonitor(
      { self, vxlan: VXLAN, keys, random: this.#random },
      {
        send: (to, frame) => {
          this.sent.push({ from: by, to, frame, at: this.now });
          if (!this.cut.has(`${by}>${to}`) && frame.length <= this.longest)
            this.#flying.push({ from: by, to, frame, at: this.now + this.delay });
        },
        notify: (change) => this.changes.push({ ...change, by, at: this.now }),
        arrived: (node, size) => this.arrived.push({ by, node, size }),
      },
    );
    this.#monitors.set(by, monitor);
    return monitor;
  }

  /** Lets time pass in steps of a millisecond. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now++) {
      const landing = this.#flying.filter(({ at }) => at <= this.now);
      this.#flying = this.#flying.filter(({ at }) => at > this.now);
      for (const { from, to, frame } of landing) {
        // As the receiving worker does: without padding.
        const head = frame.subarray(VXLAN_HEADER, VXLAN_HEADER + PATH_PROBE_FRAME);
        this.#monitors.get(to)?.handleFrame(from, head, this.now);
      }
      for (const monitor of this.#monitors.values()) if (monitor.wakeAt() <= this.now) monitor.wake(this.now);
    }
  }
}

/** Two nodes that watch each other. */
function pair(keys: readonly Uint8Array[] = [KEY], otherKeys = keys) {
  const world = new World();
  const alpha = world.add(ALPHA, keys);
  const bravo = world.add(BRAVO, otherKeys);
  alpha.setPeers([BRAVO], world.now);
  bravo.setPeers([ALPHA], world.now);
  return { world, alpha, bravo };
}

/** A probe as `from` sends it to alpha. */
function probe(kind: 'request' | 'reply', from: ProbedNode, options: { to?: string; sequence?: number } = {}) {
  const fields = {
    kind,
    sequence: options.sequence ?? 1,
    sender: pathProbeId(from.node),
    target: pathProbeId(options.to ?? 'alpha'),
    timestamp: 0n,
  };
  return encodePathProbe(fields, encapsulationPrefix(1, ALPHA.mac, from.mac), KEY).subarray(VXLAN_HEADER);
}

t.test('a path that works: asked at once, up with the first answer, and quiet from then on', async (t) => {
  const { world, alpha } = pair();
  t.same(alpha.reading('bravo'), { state: 'unknown', rttMs: null, lastRttMs: null, lossPercent: null });
  world.pass(12);
  t.same(world.sent.filter(({ from, at }) => from === 'alpha' && at === 1000).length, 1);
  const words = 'bravo answers on its VXLAN port 8472';
  t.same(alpha.reading('bravo'), { state: 'up', rttMs: 10, lastRttMs: 10, lossPercent: 0, words });
  world.delay = 15;
  world.pass(60_000);
  const byAlpha = world.changes.filter(({ by }) => by === 'alpha');
  t.same(byAlpha, [{ node: 'bravo', state: 'up', words, by: 'alpha', at: 1010 }]);
  t.ok(alpha.counters.requests >= 28 && alpha.counters.requests <= 33, `${alpha.counters.requests} in a minute`);
  t.equal(alpha.reading('bravo')?.lastRttMs, 30);
  t.match(alpha.counters, { lost: 0, malformed: 0, foreign: 0, badMac: 0, unmatched: 0, limited: 0 });
});

t.test('a blocked port is down after three losses, in words, and up again with the first answer', async (t) => {
  const { world, alpha } = pair();
  world.pass(10_000);
  world.cut.add('alpha>bravo').add('bravo>alpha');
  const cutAt = world.now;
  world.pass(60_000);
  const down = world.changes.filter(({ by }) => by === 'alpha').slice(1);
  t.ok(down[0].at - cutAt > 4000 && down[0].at - cutAt <= 8000, `down after ${down[0].at - cutAt} ms`);
  t.equal(down.length, 1, 'said once');
  t.equal(
    down[0].words,
    'gossip reaches bravo, its VXLAN port 8472 does not answer: is UDP 8472 open both ways, and vxlan.vni the same?',
  );
  t.equal(alpha.reading('bravo')?.lossPercent, 100);
  world.cut.clear();
  world.pass(2300);
  t.match(alpha.reading('bravo'), { state: 'up', words: 'bravo answers on its VXLAN port 8472' });
  t.ok((alpha.reading('bravo')?.lossPercent ?? 0) >= 90, 'the losses are remembered');
});

t.test('one loss, or two, are no reason to say anything', async (t) => {
  const { world, alpha } = pair();
  world.pass(10_000);
  const { requests } = alpha.counters;
  world.cut.add('alpha>bravo');
  while (alpha.counters.requests < requests + 2) world.pass(1);
  world.pass(1000);
  world.cut.clear();
  world.pass(3000);
  t.equal(alpha.counters.lost, 2);
  t.equal(world.changes.filter(({ by }) => by === 'alpha').length, 1);
});

t.test('never reached: down without having been up', async (t) => {
  const { world, alpha } = pair();
  world.cut.add('alpha>bravo').add('bravo>alpha');
  world.pass(8000);
  t.equal(alpha.reading('bravo')?.state, 'down');
  t.equal(world.changes.length, 2);
});

t.test('one direction only: who hears the other says which', async (t) => {
  const { world, alpha, bravo } = pair();
  world.cut.add('alpha>bravo');
  world.pass(8000);
  t.match(alpha.reading('bravo'), {
    state: 'down',
    words:
      "bravo's packets arrive here on UDP 8472, ours do not arrive there or its answers do not come back: " +
      'is UDP 8472 open on bravo?',
  });
  t.match(bravo.reading('alpha'), { state: 'down', words: /^gossip reaches alpha, .* does not answer/ });

  const before = world.changes.length;
  world.pass(60_000);
  t.equal(world.changes.length, before, 'said once');
  world.cut.add('bravo>alpha');
  world.pass(12_000);
  t.match(world.changes.slice(before), [{ by: 'alpha', state: 'down', words: /open both ways/ }]);
  t.equal(world.changes.length, before + 1, 'and again when the other direction breaks too');
});

t.test('an answer that comes too late is a loss, and is not taken for that to a later request', async (t) => {
  const { world, alpha } = pair();
  world.delay = 600;
  world.pass(9000);
  t.equal(alpha.reading('bravo')?.state, 'down');
  t.equal(alpha.counters.replies, 0);
  t.ok(alpha.counters.unmatched >= 3);
});

t.test('keys: strangers are dropped, and a rotation loses nothing', async (t) => {
  const { world, alpha, bravo } = pair([KEY], [NEW_KEY]);
  world.pass(8000);
  t.equal(alpha.reading('bravo')?.state, 'down');
  t.match(alpha.counters, { answered: 0, replies: 0 });
  t.ok(alpha.counters.badMac >= 3);

  alpha.setKeys([KEY, NEW_KEY]);
  bravo.setKeys([NEW_KEY, KEY]);
  world.pass(3000);
  const { lost } = alpha.counters;
  alpha.setKeys([NEW_KEY, KEY]);
  world.pass(10_000);
  alpha.setKeys([NEW_KEY]);
  bravo.setKeys([NEW_KEY]);
  world.pass(10_000);
  t.equal(alpha.counters.lost, lost);
  t.equal(alpha.reading('bravo')?.state, 'up');
});

t.test('what is handed in is answered, or counted once', async (t) => {
  const world = new World();
  const alpha = world.add(ALPHA);
  alpha.setPeers([BRAVO], world.now);
  const badMac = Uint8Array.from(probe('request', BRAVO));
  badMac[61] ^= 1;
  const cases: [keyof PathMonitor['counters'], string, Uint8Array][] = [
    ['answered', 'bravo', probe('request', BRAVO)],
    ['malformed', 'bravo', new Uint8Array(62)],
    ['badMac', 'bravo', badMac],
    ['foreign', 'charlie', probe('request', probed('charlie'))],
    ['foreign', 'bravo', probe('request', probed('charlie'))],
    ['foreign', 'bravo', probe('request', ALPHA)],
    ['foreign', 'bravo', probe('request', BRAVO, { to: 'charlie' })],
    ['unmatched', 'bravo', probe('reply', BRAVO)],
  ];
  for (const [counter, node, frame] of cases) {
    const before = { ...alpha.counters };
    alpha.handleFrame(node, frame, world.now);
    t.same(alpha.counters, { ...before, [counter]: before[counter] + 1 }, `${counter}, from ${node}`);
  }
  t.equal(world.sent.length, 1, 'and only a good request is answered');
  t.same(decodePathProbe(world.sent[0].frame.subarray(VXLAN_HEADER)), {
    kind: 'reply',
    sequence: 1,
    sender: pathProbeId('alpha'),
    target: pathProbeId('bravo'),
    timestamp: 0n,
  });
});

t.test('a replayed request is answered a few times, a replayed reply never', async (t) => {
  const { world, alpha } = pair();
  world.pass(10);
  const reply = world.sent.find(({ from, at }) => from === 'bravo' && at === 1005)?.frame.subarray(VXLAN_HEADER);
  if (!reply) throw new Error('bravo has not answered');
  world.pass(1);
  t.equal(alpha.counters.replies, 1);
  for (let i = 0; i < 5; i++) alpha.handleFrame('bravo', reply, world.now);
  t.match(alpha.counters, { replies: 1, unmatched: 5 });

  const { answered } = alpha.counters;
  for (let i = 0; i < 100; i++) alpha.handleFrame('bravo', probe('request', BRAVO), world.now);
  t.ok(alpha.counters.answered - answered <= 4);
  t.equal(alpha.counters.limited, 100 - (alpha.counters.answered - answered));
});

t.test('a reply to a request of an earlier life matches nothing', async (t) => {
  const world = new World();
  const monitor = world.add(ALPHA);
  monitor.setPeers([BRAVO], world.now);
  monitor.wake(world.now);
  const request = decodePathProbe(world.sent[0].frame.subarray(VXLAN_HEADER));
  if (!request) throw new Error('no request');
  // Its sequence number by chance, but another moment.
  monitor.handleFrame('bravo', probe('reply', BRAVO, { sequence: request.sequence }), world.now);
  t.match(monitor.counters, { replies: 0, unmatched: 1 });
});

t.test('thousands of peers: spread evenly, and slower', async (t) => {
  const world = new World();
  const alpha = world.add(ALPHA);
  const peers = Array.from({ length: 4000 }, (_, i) => probed(`node-${i}`));
  alpha.setPeers(peers, world.now);
  for (let second = 0; second < 30; second++) {
    const before = alpha.counters.requests;
    world.pass(1000);
    const count = alpha.counters.requests - before;
    t.ok(count > 200 && count < 600, `second ${second}: ${count} requests`);
  }
  const asked = new Map<string, number>();
  for (const { to } of world.sent) asked.set(to, (asked.get(to) ?? 0) + 1);
  t.equal(asked.size, 4000, 'each was asked');
  t.ok(Math.max(...asked.values()) <= 4 && Math.min(...asked.values()) >= 2, 'about as often as the others');
});

t.test('peers come and go; those that stay are not asked anew', async (t) => {
  const { world, alpha } = pair();
  world.pass(100);
  t.equal(alpha.reading('bravo')?.state, 'up');
  alpha.setPeers([{ ...BRAVO, mac: macFromName('another') }, probed('charlie')], world.now);
  t.equal(alpha.reading('bravo')?.state, 'up');
  const before = world.sent.length;
  world.pass(1000);
  t.same(
    world.sent.slice(before).map(({ to }) => to),
    ['charlie'],
  );
  world.pass(2000);
  const toBravo = world.sent.filter(({ from, to }) => from === 'alpha' && to === 'bravo');
  t.same(toBravo.at(-1)?.frame.subarray(8, 14), Buffer.from(macFromName('another')), 'its new MAC is used');
  alpha.setPeers([], world.now);
  t.equal(alpha.reading('bravo'), undefined);
  const last = alpha.counters.requests;
  world.pass(10_000);
  t.equal(alpha.counters.requests, last);
  t.equal(alpha.wakeAt(), Number.POSITIVE_INFINITY);
});

t.test('padded requests: small replies, nothing to do with up and down, and not without end', async (t) => {
  const { world, alpha } = pair();
  t.notOk(alpha.alive('bravo'), 'nothing is known yet');
  world.pass(100);
  t.ok(alpha.alive('bravo'));
  const before = { ...alpha.counters };
  const first = world.sent.length;
  world.longest = 1000;
  for (const size of [1500, 1000, 600]) alpha.askPadded('bravo', size, size - 28, world.now);
  alpha.askPadded('nobody', 600, 572, world.now);
  world.pass(100);
  t.same(world.arrived, [
    { by: 'alpha', node: 'bravo', size: 1000 },
    { by: 'alpha', node: 'bravo', size: 600 },
  ]);
  const lengths = world.sent.slice(first).map(({ from, frame }) => [from, frame.length]);
  const reply = VXLAN_HEADER + PATH_PROBE_FRAME;
  t.same(lengths, [
    ['alpha', 1472],
    ['alpha', 972],
    ['alpha', 572],
    ['bravo', reply],
    ['bravo', reply],
  ]);
  t.same(alpha.counters, before, 'they are not counted as the others are');
  const [answer] = world.sent.slice(-1);
  alpha.handleFrame('bravo', answer.frame.subarray(VXLAN_HEADER), world.now);
  t.equal(alpha.counters.unmatched, before.unmatched + 1, 'a reply that is repeated is none');
  t.equal(world.arrived.length, 2);

  world.sent.length = 0;
  world.longest = 9000;
  for (let i = 0; i < 100; i++) alpha.askPadded('bravo', 1000, 972, world.now);
  world.pass(50);
  t.ok(world.sent.filter(({ from }) => from === 'bravo').length <= 20, 'no more than two rounds are answered at once');
  world.cut.add('alpha>bravo');
  world.pass(5000);
  t.notOk(alpha.alive('bravo'), 'a loss is enough');
});
