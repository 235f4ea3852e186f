/** Run by sanitizer.test.ts with the sanitized addon in place of the real one. */
import { ADDRESS, Batch, LENGTH, PORT, RECORD, SEGMENT } from '../../../src/bytes/batch.js';
import { twins } from '../../../src/bytes/index.js';
import { seededRandom } from '../../../src/core/random.js';
import { loadAddon } from '../../../src/os/addon.js';
import { addressBytes, parseAddress } from '../../../src/wire/address.js';
import { IpView } from '../../../src/wire/ip.js';
import { goodPackets } from '../../fuzz/frames.js';
import { PacketMutator } from '../../fuzz/packet-mutator.js';
import { PODS } from '../../fuzz/world.js';
import { chance } from '../bytes/random-packets.js';
import { compare, lay } from '../bytes/twins.js';

const seed = Date.now() % 1_000_000;
const addon = loadAddon();
const difference = compare(addon, twins, seed, 300);
if (difference) throw new Error(difference);

const random = seededRandom(seed);
const { below, bytes, often } = chance(random);
fuzzBatches();
for (let round = 0; round < 3000; round++) {
  const packets = Array.from({ length: below(20) }, () => {
    const packet = bytes(below(120));
    if (packet.length > 10 && often(0.8)) packet[0] = often(0.5) ? 0x45 : 0x60;
    if (packet.length > 10 && often(0.8)) packet[packet[0] === 0x45 ? 9 : 6] = often(0.5) ? 6 : 17;
    if (packet.length > 10 && often(0.7))
      packet.writeUInt16BE(
        packet[0] === 0x45 ? packet.length : (packet.length - 40) & 0xffff,
        packet[0] === 0x45 ? 2 : 4,
      );
    return packet;
  });
  const { arena, records } = lay(packets);
  addon.join(arena, records, packets.length, new Int32Array(records.length), true, true);
}

// Sockets: batches over loopback, cut and joined by the kernel.
for (const text of ['127.0.0.1', '::1']) {
  const address = parseAddress(text);
  if (!address) throw new Error(text);
  const options = {
    address: addressBytes(address),
    port: 0,
    reusePort: false,
    receive: true,
    gro: true,
    sendOnly: false,
    buffer: 1 << 20,
  };
  const fd = addon.udpOpen(options);
  const batch = Batch.allocate(400_000, 8);
  for (let i = 0; i < 4; i++) {
    const row = batch.append(i * 10_000, 10_000);
    batch.records[row + SEGMENT] = 1000;
    batch.records[row + PORT] = addon.udpPort(fd);
    batch.records.set(address.words, row + ADDRESS);
  }
  if (addon.udpSend(Int32Array.of(fd), batch.bytes, batch.records, 4, 10) !== 4) throw new Error('not sent');
  const received = new Int32Array(6 * RECORD);
  const count = addon.udpReceive(fd, batch.bytes, 0, 65_536, received, 0, 6);
  if (count === 0 || received[LENGTH] === 0) throw new Error('not received');
  addon.close(fd);

  // Errors that datagrams to a closed port leave behind, read into slots of any size.
  const sender = addon.udpOpen({ ...options, receive: false, sendOnly: true });
  for (const slot of [0, 1, 64, 4096]) {
    for (let i = 0; i < 4; i++) {
      const to = Batch.allocate(300, 1);
      const row = to.append(0, 300);
      to.records[row + PORT] = 9;
      to.records.set(address.words, row + ADDRESS);
      addon.udpSend(Int32Array.of(sender), to.bytes, to.records, 1, 0);
    }
    addon.udpErrors(sender, Buffer.alloc(8 * slot), slot, new Int32Array(8 * RECORD), 8);
  }
  addon.close(sender);
}
console.log(`checked, seed ${seed}`);

/** Mutated packets of every kind, in batches as inbound makes them: joined, cut where they can be, and summed. */
function fuzzBatches(): void {
  const pods = [PODS.bravo, PODS.alpha] as const;
  const mutations = new PacketMutator(random, goodPackets(...pods), 0);
  const view = new IpView();
  for (let round = 0; round < 3000; round++) {
    const packets = Array.from({ length: 1 + below(40) }, () => {
      mutations.make();
      return Buffer.from(mutations.bytes.subarray(0, mutations.length));
    });
    const { arena, records } = lay(packets);
    addon.join(arena, records, packets.length, new Int32Array(records.length), often(0.9), often(0.9));
    const [packet] = packets;
    // An arena without a byte to spare, and arguments as outbound makes them of a packet like this, or about so.
    const room = Buffer.alloc(2 * packet.length + 22 + below(4000));
    packet.copy(room);
    if (!view.parse(room, 0, packet.length) || view.transport < 0) continue;
    const headers = view.transport + below(64);
    const target = packet.length + 22;
    try {
      addon.split(
        room,
        0,
        view.length,
        view.transport,
        headers,
        often(0.5),
        1 + below(1500),
        packet.length,
        22,
        target,
        room.length,
      );
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    addon.sum(room, below(packet.length), 0, below(2 ** 32));
    addon.sum(packet, 0, packet.length, below(2 ** 32));
  }
}
