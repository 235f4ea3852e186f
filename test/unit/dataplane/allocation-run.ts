/**
 * Run by allocation.test.ts: prints for each kind of traffic how many bytes its packets left on the heap, and which
 * functions put them there, as JSON. The sampling heap profiler looks at one byte in 64, and at what was collected too.
 */
import { type HeapProfiler, Session } from 'node:inspector/promises';
import { ADDRESS, type Batch, RECORD, VIRTIO_HEADER } from '../../../src/bytes/batch.js';
import { twins } from '../../../src/bytes/index.js';
import type { DeviceCapabilities, DeviceEdge, UnderlayEdge } from '../../../src/dataplane/edges.js';
import { Overlay, pathContext } from '../../../src/dataplane/overlay.js';
import { Pipeline } from '../../../src/dataplane/pipeline.js';
import { encapsulationPrefix } from '../../../src/wire/vxlan.js';
import { pattern, tcpPacket, udpPacket, virtioFor } from './packets.js';
import { ALPHA, BRAVO, OFFLOADS } from './two-nodes.js';

const PACKETS_A_TURN = 32;
const SUPERPACKETS_A_TURN = 4;
const NO_VIRTIO = Buffer.alloc(VIRTIO_HEADER);

/** Hands out the same packet for ever, and forgets what it is given. */
class EndlessDevice implements DeviceEdge {
  readonly capabilities: DeviceCapabilities = OFFLOADS;
  readonly #packet: Buffer;
  readonly #virtio: Buffer;
  constructor(packet: Buffer, virtio: Buffer) {
    this.#packet = packet;
    this.#virtio = virtio;
  }
  read(batch: Batch, headroom: number): number {
    const count = this.#packet.length > 2000 ? SUPERPACKETS_A_TURN : PACKETS_A_TURN;
    for (let i = 0; i < count; i++) {
      const at = batch.cursor + headroom;
      this.#virtio.copy(batch.bytes, at - VIRTIO_HEADER);
      this.#packet.copy(batch.bytes, at);
      batch.append(at, this.#packet.length);
      batch.cursor = (at + this.#packet.length + 3) & ~3;
    }
    return count;
  }
  write(batch: Batch): number {
    return batch.count;
  }
  onReadable(): void {}
  close(): void {}
}

/** Receives the same frame for ever, and forgets what it is to send. */
class EndlessUnderlay implements UnderlayEdge {
  readonly capabilities = { maxSegments: 64, sourcePorts: 8 };
  readonly #frame: Buffer;
  constructor(frame: Buffer) {
    this.#frame = frame;
  }
  receive(batch: Batch): number {
    for (let i = 0; i < PACKETS_A_TURN; i++) {
      this.#frame.copy(batch.bytes, batch.cursor);
      const row = batch.append(batch.cursor, this.#frame.length);
      for (let word = 0; word < 4; word++) batch.records[row + ADDRESS + word] = BRAVO.underlay.words[word];
      batch.cursor += 2048;
    }
    return PACKETS_A_TURN;
  }
  send(batch: Batch): number {
    for (let i = 0; i < batch.count; i++) batch.records[i * RECORD + 4] = 0;
    return batch.count;
  }
  pathMtu(): number {
    return 0;
  }
  onReadable(): void {}
  close(): void {}
}

const overlay = await Overlay.create({
  self: ALPHA,
  vxlan: { vni: 1, port: 8472 },
  mtu: 1450,
  workers: 1,
  maxPeers: 16,
  maxPrefixes: 64,
});
await overlay.setPeers([BRAVO]);

function frame(vni: number): Buffer {
  const inner = udpPacket({ from: '10.244.2.9', to: '10.244.1.5' }, pattern(1000));
  const bytes = Buffer.concat([encapsulationPrefix(vni, ALPHA.mac, BRAVO.mac), inner]);
  bytes.writeUInt16BE(0x0800, 20);
  return bytes;
}

const session = new Session();
session.connect();

interface Allocations {
  packets: number;
  bytes: number;
  /** `function file:line bytes`, the largest first. */
  by: string[];
}

async function measure(packet: Buffer, virtio: Buffer, received: Buffer): Promise<Allocations> {
  const context = pathContext(overlay.shared, 0, twins, () => 0);
  const pipeline = new Pipeline(new EndlessDevice(packet, virtio), new EndlessUnderlay(received), context);
  const turns = (count: number) => {
    for (let i = 0; i < count; i++) pipeline.turn();
    pipeline.rest();
  };
  const aTurn = packet.length < 2000 ? PACKETS_A_TURN : SUPERPACKETS_A_TURN;
  const count = aTurn === PACKETS_A_TURN ? 10_000 : 4000;
  turns(2 * count);
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: 64,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  turns(count);
  const { profile } = await session.post('HeapProfiler.stopSampling');
  const found = ours(profile.head).sort((a, b) => b.selfSize - a.selfSize);
  return {
    packets: count * aTurn,
    bytes: found.reduce((sum, { selfSize }) => sum + selfSize, 0),
    by: found.map(
      ({ callFrame, selfSize }) => `${callFrame.functionName} ${callFrame.url}:${callFrame.lineNumber} ${selfSize}`,
    ),
  };
}

/** What functions of src/ allocated. */
function ours(node: HeapProfiler.SamplingHeapProfileNode): HeapProfiler.SamplingHeapProfileNode[] {
  const own = node.selfSize > 0 && node.callFrame.url.includes('/src/') ? [node] : [];
  return [...own, ...node.children.flatMap(ours)];
}

const udp = udpPacket({ from: '10.244.1.5', to: '10.244.2.9' }, pattern(200));
const tcp = tcpPacket({ from: '10.244.1.5', to: '10.244.2.9' }, pattern(60_000), { partial: true });
const nowhere = udpPacket({ from: '10.244.1.5', to: '10.99.9.9' }, pattern(200));

const figures = {
  plain: await measure(udp, NO_VIRTIO, frame(1)),
  superpackets: await measure(tcp, virtioFor(tcp, 1380), frame(1)),
  refused: await measure(nowhere, NO_VIRTIO, frame(2)),
};
process.stdout.write(JSON.stringify(figures));
