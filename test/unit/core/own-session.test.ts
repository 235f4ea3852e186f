import t from 'tap';
import { OwnSession } from '../../../src/core/own-session.js';
import { SessionKeys } from '../../../src/core/session-keys.js';
import { MESSAGE } from '../../../src/wire/sealed.js';
import { RING } from './sealed-cluster.js';

t.test('a session says which counters it used since when', async (t) => {
  const own = new OwnSession(RING, (count) => new Uint8Array(count));
  const say = (nowMs: number) => {
    own.note(nowMs);
    own.seal(MESSAGE, new Uint8Array(0));
  };
  t.equal(own.counterSince(2000, 1000), 0, 'none yet');
  for (const nowMs of [1000, 1010, 1049, 1050, 2000, 2500]) say(nowMs);
  t.equal(own.counterSince(1500, 2500), 0, 'all since 1000');
  t.equal(own.counterSince(1499, 2500), 3, 'since 1001: what is near 1000 counts as 1000');
  t.equal(own.counterSince(500, 2500), 4, 'since 2000');
  t.equal(own.counterSince(0, 2500), 5, 'since 2500');
  t.equal(own.counterSince(0, 2501), 6, 'the next one');
  t.equal(own.counterSince(1e9, 3060), 4, 'since 1060: two seconds are remembered');
  for (let nowMs = 3000; nowMs < 10_000; nowMs += 7) say(nowMs);
  t.ok(own.counterSince(1e9, 10_000) > 500);
});

t.test('a key is derived once, and not kept when the ring changes', async (t) => {
  const keys = new SessionKeys(new Uint8Array(16));
  const key = keys.of(RING.first);
  t.equal(keys.of(RING.first), key, 'the same memory');
  keys.forget();
  t.not(keys.of(RING.first), key);
  t.same(keys.of(RING.first), key);
});
