import t from 'tap';
import { Awareness } from '../../../../src/core/swim/awareness.js';
import {
  confirmationsWanted,
  LAN,
  pushPullInterval,
  retransmitLimit,
  suspicionMax,
  suspicionMin,
  suspicionTimeout,
  WAN,
} from '../../../../src/core/swim/profile.js';

t.test('suspicion and retransmission by the number of members, as memberlist has them', async (t) => {
  for (const [n, min, max, retransmissions] of [
    [100, 8000, 48_000, 12],
    [1000, 12_000, 72_000, 16],
    [10_000, 16_000, 96_000, 20],
  ] as const) {
    t.equal(suspicionMin(LAN, n), min);
    t.equal(suspicionMax(LAN, n), max);
    t.equal(retransmitLimit(LAN, n), retransmissions);
  }
  t.equal(suspicionMin(LAN, 1), 4000, 'never less than one digit');
  t.equal(suspicionMin(WAN, 100), 60_000);
  t.equal(retransmitLimit(LAN, 1), 4);
});

t.test('confirmations shorten a suspicion, the first ones most', async (t) => {
  t.equal(suspicionTimeout(8000, 48_000, 2, 0), 48_000);
  t.equal(Math.round(suspicionTimeout(8000, 48_000, 2, 1)), Math.round(48_000 - (40_000 * Math.LN2) / Math.log(3)));
  t.equal(suspicionTimeout(8000, 48_000, 2, 2), 8000);
  t.equal(suspicionTimeout(8000, 48_000, 2, 9), 8000, 'never below the shortest');
  t.equal(suspicionTimeout(8000, 48_000, 0, 0), 8000, 'none wanted, none awaited');
});

t.test('confirmations are wanted where there are members to give them', async (t) => {
  t.equal(confirmationsWanted(LAN, 3), 0);
  t.equal(confirmationsWanted(LAN, 4), 2);
  t.equal(confirmationsWanted(WAN, 5), 0);
  t.equal(confirmationsWanted(WAN, 1000), 4);
});

t.test('states are exchanged less often above 32 members', async (t) => {
  for (const [n, stretch] of [
    [1, 1],
    [32, 1],
    [33, 2],
    [64, 2],
    [65, 3],
    [128, 3],
    [1000, 6],
    [10_000, 10],
  ] as const) {
    t.equal(pushPullInterval(LAN, n), stretch * 30_000, `${n} members`);
  }
});

t.test('local health stays between 0 and the worst, and scales times', async (t) => {
  const awareness = new Awareness(8);
  t.equal(awareness.scale(500), 500);
  awareness.change(-1);
  t.equal(awareness.score, 0);
  awareness.change(3);
  t.equal(awareness.scale(500), 2000);
  awareness.change(99);
  t.equal(awareness.score, 8);
  t.equal(awareness.scale(1000), 9000);
});
