import t from 'tap';
import { EventLog } from '../../../../src/control/membership/events.js';
import type { NodeEvent } from '../../../../src/control/node-api.js';

t.test('events reach who listens, and the last are kept for who asks later', async (t) => {
  let now = Date.UTC(2026, 0, 1);
  const log = new EventLog(() => now);
  const heard: NodeEvent[] = [];
  const stop = log.onEvent((event) => heard.push(event));
  log.tell('joined', 'bravo is there', { node: 'bravo' });
  t.strictSame(heard, [{ at: '2026-01-01T00:00:00.000Z', kind: 'joined', node: 'bravo', message: 'bravo is there' }]);
  t.strictSame(log.recent(), heard);
  stop();
  stop();
  now += 1000;
  log.tell('left', 'bravo has left');
  t.equal(heard.length, 1, 'not who has stopped listening');
  t.equal(log.recent().at(-1)?.at, '2026-01-01T00:00:01.000Z');
});

t.test('no more than the last few are kept, and a copy is given out', async (t) => {
  const log = new EventLog(() => 0);
  for (let i = 0; i < 1000; i++) log.tell('joined', String(i));
  const recent = log.recent();
  t.equal(recent.length, 256);
  t.equal(recent[0].message, '744');
  t.equal(recent.at(-1)?.message, '999', 'the newest last');
  log.tell('joined', 'one more');
  t.equal(recent.at(-1)?.message, '999');
});
