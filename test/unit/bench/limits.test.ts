/** Which figures are the path's, and which are our own programs'. */
import t from 'tap';
import { figuresOf, resultLine } from '../../../src/bench/figures.js';
import { limitWords } from '../../../src/bench/limits.js';
import { type RateResult, rttResult, type TcpResult, type UdpResult } from '../../../src/bench/results.js';
import { localTables, resultsTable } from '../../../src/cli/bench-table.js';

const LOOK = { width: undefined, colours: false };

function tcp(gbits: number, streams = 1): TcpResult {
  return { test: 'tcp', streams, reverse: false, bitsPerSecond: gbits * 1e9, bytes: 1, seconds: 1, cpuSecondsPerGb: 2 };
}

function udp(received: number, socketDrops = 0): UdpResult {
  const rates = { sentPerSecond: 1000, deliveredPerSecond: received, loss: 1 - received / 1000 };
  return { test: 'udp', size: 64, sent: 1000, received, ...rates, late: 0, socketDrops, seconds: 1 };
}

function rate(senderLimited: boolean): RateResult {
  return { test: 'rate', size: 512, packetsPerSecond: 1000, bitsPerSecond: 8, senderLimited, trials: [] };
}

t.test('TCP: near loopback with as many streams', async (t) => {
  t.same(limitWords([tcp(5), tcp(15, 4)], [tcp(10), tcp(20, 4)]), []);
  t.match(limitWords([tcp(9)], [tcp(10)]), [/^TCP, 1 stream: near the 10\.0 Gbit\/s/]);
  t.same(limitWords([tcp(9, 2)], [tcp(10)]), [], 'nothing to compare with');
});

t.test('UDP: a flood that is not lost, and a receiver that is slow', async (t) => {
  t.same(limitWords([udp(500)], []), []);
  t.match(limitWords([udp(1000)], []), [/the sender is the limit/]);
  t.match(limitWords([udp(500, 250)], []), [/50 % of the lost came through/]);
  t.match(limitWords([rate(true), rate(false)], []), [/^UDP 512 B, no loss: nothing is lost/]);
});

t.test('a line for each', async (t) => {
  t.equal(resultLine(tcp(1.234)), 'TCP, 1 stream: 1.23 Gbit/s, CPU 2.00 s/GB');
  t.equal(resultLine(udp(500)), 'UDP 64 B, flood: 0.5 k/s, lost 50.0 %');
  const rtts = Array.from({ length: 100 }, (_, i) => i + 1);
  t.same(rttResult('tcp', 101, rtts), {
    test: 'rtt',
    beside: 'tcp',
    sent: 101,
    lost: 1,
    minUs: 1,
    meanUs: 50.5,
    p50Us: 50,
    p99Us: 99,
    maxUs: 100,
  });
  t.equal(resultLine(rttResult('tcp', 100, rtts)), 'RTT beside TCP, mean: 51 µs, p50 50 µs, p99 99 µs');
  t.equal(figuresOf(rate(true)).length, 1);
});

t.test('tables', async (t) => {
  t.same(resultsTable([tcp(1), rate(false)], [tcp(10)], LOOK), [
    'WHAT                UNIT    FIGURE  LOOPBACK',
    'TCP, 1 stream       Gbit/s    1.00     10.00',
    '  CPU               s/GB      2.00      2.00',
    'UDP 512 B, no loss  k/s        1.0         -',
  ]);
  const rounds = { podwire: [[tcp(1)], [tcp(3)], [tcp(2)]], 'kernel vxlan': [[tcp(4)]] };
  t.same(localTables({ loopback: [], laboratories: [{ laboratory: 'cable', rounds }] }, LOOK).slice(0, 2), [
    "CABLE          UNIT             PODWIRE  KERNEL VXLAN  OF THE KERNEL'S  LOOPBACK",
    'TCP, 1 stream  Gbit/s  2.00 (1.00–3.00)          4.00             0.50         -',
  ]);
});
