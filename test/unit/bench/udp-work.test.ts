/** What threads for datagrams count, over a port that is no socket. */
import t from 'tap';
import { DatagramHeader } from '../../../src/bench/datagram.js';
import { BATCH, type DatagramPort, type Visit } from '../../../src/bench/datagram-port.js';
import { doUdpWork, PROGRESS, SHARED_WORDS, STOP } from '../../../src/bench/udp-work.js';

const HEADER = new DatagramHeader('0123456789abcdef', 1);
const OTHER = new DatagramHeader('0123456789abcdef', 2);

function port(does: Partial<DatagramPort>): DatagramPort {
  return { port: 0, send: () => 0, receive: () => {}, pause: () => {}, close: () => {}, ...does };
}

function datagram(sequence: number, header = HEADER): Buffer {
  const bytes = Buffer.alloc(64);
  header.write(bytes, 0, sequence);
  return bytes;
}

function shared(): Int32Array {
  return new Int32Array(SHARED_WORDS);
}

t.test('what comes is counted, what comes behind a later one is late, the rest is none of ours', async (t) => {
  const state = shared();
  const turns = [[datagram(0), datagram(2)], [], [datagram(1), datagram(9, OTHER), Buffer.alloc(3)], [datagram(3)]];
  const sentBack: number[] = [];
  const receive = (_: number, visit: Visit) => {
    for (const bytes of turns.shift() ?? []) if (visit(bytes, 0, bytes.length)) sentBack.push(bytes.readUInt32BE(12));
    if (turns.length === 0) state[STOP] = 1;
  };
  const report = await doUdpWork(port({ receive }), HEADER, { kind: 'echo' }, state);
  t.match(report, { received: 4, late: 1 });
  t.same(sentBack, [0, 2, 1, 3]);
  t.equal(state[PROGRESS], 4);
});

t.test('each datagram of a flood has its number; what the kernel refuses is not sent', async (t) => {
  const state = shared();
  const numbers: number[] = [];
  const send = (count: number, stamp: (bytes: Buffer, at: number) => void) => {
    const bytes = Buffer.alloc(16);
    for (let i = 0; i < count; i++) {
      stamp(bytes, 0);
      numbers.push(bytes.readUInt32BE(12));
    }
    if (numbers.length >= 3 * BATCH) state[STOP] = 1;
    return count - 1;
  };
  const { sent } = await doUdpWork(port({ send }), HEADER, { kind: 'send', seconds: 60, rate: 0 }, state);
  t.same(
    numbers,
    numbers.map((_, i) => i),
  );
  t.equal(sent, 3 * BATCH - 3);
});

t.test('a rate is never exceeded, and not caught up with after a stall', async (t) => {
  let ms = 0;
  let sent = 0;
  let most = 0;
  const send = (count: number, stamp: (bytes: Buffer, at: number) => void) => {
    for (let i = 0; i < count; i++) stamp(Buffer.alloc(16), 0);
    sent += count;
    most = Math.max(most, sent - ms * 100);
    ms += ms > 50 && ms < 51 ? 100 : 0.01;
    return count;
  };
  const pause = (gap: number) => {
    ms += gap;
  };
  const work = { kind: 'send', seconds: 0.3, rate: 100_000 } as const;
  const report = await doUdpWork(port({ send, pause }), HEADER, work, shared(), () => ms);
  t.ok(most <= 1, `at no moment more than the rate allows: ${most}`);
  const whole = 0.3 * 100_000;
  t.ok(
    report.sent < whole - 9_000 && report.sent > whole - 10_000,
    `what the stall has cost is left out: ${report.sent}`,
  );
});

t.test('pings: an answer to another is none; one without an answer is lost', async (t) => {
  const state = shared();
  let asked = 0;
  const send = (_: number, stamp: (bytes: Buffer, at: number) => void) => {
    const bytes = Buffer.alloc(64);
    stamp(bytes, 0);
    asked = bytes.readUInt32BE(12);
    return 1;
  };
  const receive = (_: number, visit: Visit) => {
    visit(datagram(asked + 1), 0, 64);
    if (asked !== 1) visit(datagram(asked), 0, 64);
  };
  const work = { kind: 'ping', count: 3, intervalMs: 0 } as const;
  const { sent, rttsUs } = await doUdpWork(port({ send, receive }), HEADER, work, state);
  t.equal(sent, 3);
  t.equal(rttsUs.length, 2);
  t.ok(rttsUs.every((us) => us >= 0));
});
