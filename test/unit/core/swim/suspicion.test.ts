import fc from 'fast-check';
import t from 'tap';
import { DeadlineHeap } from '../../../../src/core/swim/deadline-heap.js';
import { LAN } from '../../../../src/core/swim/profile.js';
import { Suspicions } from '../../../../src/core/swim/suspicion.js';

t.test('it runs out after the longest time, sooner with each accuser that confirms it', async (t) => {
  const suspicions = new Suspicions(LAN);
  suspicions.begin(1, 7, 100, 1000);
  t.equal(suspicions.nextAt, 49_000);
  t.notOk(suspicions.confirm(1, 7, 1100), 'the same accuser is no confirmation');
  t.equal(suspicions.nextAt, 49_000);
  t.ok(suspicions.confirm(1, 8, 1200));
  t.equal(Math.round(suspicions.nextAt), Math.round(1000 + 48_000 - (40_000 * Math.LN2) / Math.log(3)));
  t.notOk(suspicions.confirm(1, 8, 1300));
  t.ok(suspicions.confirm(1, 9, 1400));
  t.equal(suspicions.nextAt, 9000);
  t.notOk(suspicions.confirm(1, 10, 1500), 'enough confirmed it');
  t.equal(suspicions.expired(8999), undefined);
  t.equal(suspicions.expired(9000), 1);
  suspicions.end(1);
  t.equal(suspicions.expired(99_000), undefined);
  t.equal(suspicions.nextAt, Number.POSITIVE_INFINITY);
});

t.test('a late confirmation makes it due now, not in the past', async (t) => {
  const suspicions = new Suspicions(LAN);
  suspicions.begin(1, 7, 100, 0);
  suspicions.confirm(1, 8, 20_000);
  suspicions.confirm(1, 9, 20_000);
  t.equal(suspicions.nextAt, 20_000);
});

t.test('among few members nobody is waited for', async (t) => {
  const suspicions = new Suspicions(LAN);
  suspicions.begin(1, 0, 3, 0);
  t.equal(suspicions.nextAt, 4000);
  t.notOk(suspicions.confirm(1, 2, 10));
});

t.test('time in which this node was not there does not count', async (t) => {
  const suspicions = new Suspicions(LAN);
  suspicions.begin(1, 7, 100, 0);
  suspicions.postpone(1_000_000);
  t.equal(suspicions.nextAt, 1_048_000);
  suspicions.confirm(1, 8, 1_000_000);
  suspicions.confirm(1, 9, 1_000_000);
  t.equal(suspicions.nextAt, 1_008_000);
});

t.test('a heap of deadlines gives what a sorted list gives', async () => {
  const step = fc.tuple(fc.constantFrom('add', 'remove', 'move', 'postpone'), fc.nat(30), fc.nat(1000));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const heap = new DeadlineHeap<{ deadline: number; place: number }>();
      const all: { deadline: number; place: number }[] = [];
      for (const [kind, which, deadline] of steps) {
        const due = all[which % Math.max(1, all.length)];
        if (kind === 'add') {
          const added = { deadline, place: 0 };
          all.push(added);
          heap.add(added);
        } else if (kind === 'postpone') {
          heap.postpone(deadline);
        } else if (due !== undefined && kind === 'move') {
          due.deadline = deadline;
          heap.moved(due);
        } else if (due !== undefined) {
          all.splice(all.indexOf(due), 1);
          heap.remove(due);
        }
        const first = Math.min(...all.map(({ deadline }) => deadline));
        if ((heap.first?.deadline ?? Number.POSITIVE_INFINITY) !== first) return false;
      }
      return true;
    }),
  );
});
