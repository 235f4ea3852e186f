/** When `apply` goes on and when it waits, with the event loop in the test's hands. */
import t from 'tap';
import type { ForwardingChange } from '../../../../src/core/forwarding/change.js';
import { PREFIX_BYTES } from '../../../../src/core/forwarding/change.js';
import { ForwardingReader } from '../../../../src/core/forwarding/forwarding-reader.js';
import { ForwardingTable } from '../../../../src/core/forwarding/forwarding-table.js';
import { SLICE } from '../../../../src/core/slices.js';

const HOME = 0x0a000000;
const peer = (index: number): ForwardingChange => ({
  kind: 'setPeer',
  peer: index,
  record: {
    underlay: { family: 4, words: [0, 0, 0xffff, HOME + index] },
    port: 8472,
    prefix: new Uint8Array(PREFIX_BYTES),
    ecn: false,
    overlay: [],
  },
});
const give = (subnet: number, index: number): ForwardingChange => ({
  kind: 'setPrefix',
  prefix: { family: 4, words: [0, 0, 0xffff, HOME + 256 * subnet], length: 24 },
  peer: index,
  underlay: false,
});

/** An event loop that turns when told. */
class HandLoop {
  readonly #waiting: (() => void)[] = [];
  readonly delays: number[] = [];
  onPause = (): void => {};

  readonly schedule = (resume: () => void, delayMs: number): void => {
    this.delays.push(delayMs);
    this.onPause();
    this.#waiting.push(resume);
  };

  /** Turns until the promise is settled, at most `turns` times. @returns whether it is settled */
  async turn(promise: Promise<unknown>, turns: number): Promise<boolean> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    promise.then(settle, settle);
    for (let i = 0; i < turns; i++) {
      await new Promise(setImmediate);
      if (settled) return true;
      for (const resume of this.#waiting.splice(0)) resume();
    }
    return settled;
  }
}

function open(readers: number) {
  const loop = new HandLoop();
  const table = ForwardingTable.create({ readers, schedule: loop.schedule });
  const reader = (index: number) => new ForwardingReader(table.memory, index);
  const start = table.apply([peer(1), peer(2), give(1, 1)]);
  return { loop, table, reader, start };
}

const owner = (reader: ForwardingReader) => reader.owner(0, 0, 0xffff, HOME + 256 + 9);

t.test('readers that rest, or never began, hold nothing up', async (t) => {
  const { loop, table, reader, start } = open(3);
  await start;
  const rested = reader(0);
  rested.begin();
  rested.rest();
  await table.apply([give(1, 2)]);
  t.strictSame(loop.delays, [], 'not one turn of the event loop was waited for');
  rested.begin();
  t.equal(owner(rested), 2);
});

t.test('a reader in its turn keeps its copy, and apply waits for it', async (t) => {
  const { loop, table, reader, start } = open(2);
  await start;
  const busy = reader(1);
  busy.begin();
  const applied = table.apply([give(1, 2)]);
  t.equal(await loop.turn(applied, 50), false, 'apply waits');
  t.equal(owner(busy), 1, 'the turn sees the table as it was when it began');
  t.ok(loop.delays.length > 20, 'while the event loop turns');
  t.ok(loop.delays.includes(1), 'and soon no more than every millisecond');
  const other = reader(0);
  other.begin();
  t.equal(owner(other), 2, 'who begins now sees the new table');
  busy.rest();
  t.equal(
    await loop.turn(applied, 50),
    true,
    'resting lets it through, and a reader of the new copy is not waited for',
  );
  t.equal(owner(other), 2);
});

t.test('beginning again is a quiet point, too', async (t) => {
  const { loop, table, reader, start } = open(1);
  await start;
  const busy = reader(0);
  busy.begin();
  const applied = table.apply([give(1, 2)]);
  t.equal(await loop.turn(applied, 10), false);
  busy.begin();
  t.equal(owner(busy), 2);
  t.equal(await loop.turn(applied, 10), true);
});

t.test('changes are served in turn, and a refused one does not stop the next', async (t) => {
  const { loop, table, reader, start } = open(1);
  await start;
  const busy = reader(0);
  busy.begin();
  const first = table.apply([give(1, 2)]);
  const refused = table.apply([give(1, 7)]);
  const last = table.apply([give(1, 1)]);
  t.equal(await loop.turn(first, 10), false);
  busy.begin();
  t.equal(owner(busy), 2);
  await loop.turn(first, 10);
  await t.rejects(refused, { code: 'INTERNAL' });
  t.equal(await loop.turn(last, 10), false, 'the turn with the first change holds up the last');
  busy.begin();
  t.equal(owner(busy), 1);
  await loop.turn(last, 10);
  await last;
});

t.test('the event loop gets its turn after every slice', async (t) => {
  const { loop, table, start } = open(1);
  await start;
  const count = 20 * SLICE + 1;
  const all = Array.from({ length: count }, (_, i) => give(i, 1));
  // Counts how many changes are looked at between two pauses.
  let run = 0;
  let longest = 0;
  const pause = () => {
    longest = Math.max(longest, run);
    run = 0;
  };
  const watched = (changes: readonly ForwardingChange[]) =>
    new Proxy(changes, {
      get: (list, key, receiver) => {
        if (typeof key === 'string' && /^\d+$/.test(key)) run++;
        return Reflect.get(list, key, receiver);
      },
    });
  loop.onPause = pause;

  t.equal(await loop.turn(table.apply(watched(all)), 100), true);
  pause();
  // Without readers to wait for, the last slice on one copy and the first on the other run together.
  t.ok(longest >= SLICE && longest <= 2 * SLICE, `at most ${longest} changes in one go`);
  t.equal(loop.delays.length, 40, 'twenty pauses for each copy');

  longest = 0;
  const refused = table.apply(watched([...all.map((_, i) => give(i, 2)), give(0, 3)]));
  t.equal(await loop.turn(refused, 200), true);
  pause();
  await t.rejects(refused, { code: 'INTERNAL' });
  t.ok(longest <= 2 * SLICE, `undoing: at most ${longest} changes in one go`);
});
