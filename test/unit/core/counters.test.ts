import t from 'tap';
import {
  addReadings,
  C,
  COUNTER_NAMES,
  COUNTERS,
  CounterTable,
  isDrop,
  PEER_RX_BYTES,
  PEER_RX_FRAMES,
  PEER_TX_BYTES,
  PEER_TX_FRAMES,
} from '../../../src/core/counters.js';

t.test('a drop is told from what was sent, received or held back', async (t) => {
  for (const name of ['tx_no_peer', 'tx_socket_full', 'rx_no_room', 'kernel_socket_buffer_full'] as const) {
    t.ok(isDrop(name), name);
  }
  for (const name of ['tx_packets', 'tx_fragmented', 'rx_neighbour_answered', 'icmp_limited'] as const) {
    t.notOk(isDrop(name), name);
  }
});

t.test('every counter has a name for programs and words for people', async (t) => {
  t.equal(new Set(COUNTER_NAMES).size, COUNTER_NAMES.length, 'names are unique');
  for (const [index, name] of COUNTER_NAMES.entries()) {
    t.match(name, /^[a-z]+(_[a-z]+)+$/, `${name} is snake_case`);
    t.ok(COUNTERS[name].trim().length > 10, `${name} is described`);
    t.equal(C[name], index, `${name} has its place in a row`);
  }
});

t.test('rows are disjoint, and fill the memory', async (t) => {
  const table = new CounterTable(3, 4);
  const cells: Float64Array[] = [];
  for (let worker = 0; worker < table.workers; worker++) cells.push(table.row(worker), table.peers(worker));
  for (const [mark, part] of cells.entries()) part.fill(mark + 1);
  for (const [mark, part] of cells.entries()) {
    t.ok(
      part.every((value) => value === mark + 1),
      `part ${mark} was written by nobody else`,
    );
  }
  t.ok(
    new Float64Array(table.memory).every((value) => value > 0),
    'not a cell is left over',
  );
});

t.test('totals add up the workers', async (t) => {
  const table = new CounterTable(2, 2);
  // Another thread's view: the memory and the two sizes are all it has.
  const other = new CounterTable(2, 2, table.memory);
  table.row(0)[C.tx_packets] += 3;
  other.row(1)[C.tx_packets] += 4;
  other.row(1)[C.icmp_limited] += 2 ** 40;
  const total = table.total();
  t.equal(total.tx_packets, 7);
  t.equal(total.icmp_limited, 2 ** 40, 'beyond 32 bits');
  t.strictSame(Object.keys(total), COUNTER_NAMES);
  t.equal(
    Object.values(total).reduce((sum, value) => sum + value),
    7 + 2 ** 40,
    'and nothing else moved',
  );
});

t.test('two readings are added up, name by name', async (t) => {
  const table = new CounterTable(1, 1);
  table.row(0)[C.rx_frames] = 5;
  const one = table.total();
  table.row(0)[C.tx_no_peer] = 2;
  const both = addReadings(one, table.total());
  t.match(both, { rx_frames: 10, tx_no_peer: 2, tx_packets: 0 });
  t.strictSame(Object.keys(both), COUNTER_NAMES);
});

t.test("a peer's figures add up, and can be forgotten", async (t) => {
  const table = new CounterTable(2, 3);
  for (let worker = 0; worker < 2; worker++) {
    for (let peer = 0; peer < 3; peer++) {
      const cells = table.peers(worker);
      const figures = [PEER_TX_FRAMES, PEER_TX_BYTES, PEER_RX_FRAMES, PEER_RX_BYTES];
      for (const [i, column] of figures.entries()) cells[peer * 4 + column] += 100 * peer + 10 * worker + i;
    }
  }
  t.strictSame(table.peer(1), { txFrames: 210, txBytes: 212, rxFrames: 214, rxBytes: 216 });
  table.resetPeers([1]);
  t.strictSame(table.peer(1), { txFrames: 0, txBytes: 0, rxFrames: 0, rxBytes: 0 });
  t.strictSame(table.peer(0), { txFrames: 10, txBytes: 12, rxFrames: 14, rxBytes: 16 }, 'its neighbours keep theirs');
  t.strictSame(table.peer(2), { txFrames: 410, txBytes: 412, rxFrames: 414, rxBytes: 416 });
});
