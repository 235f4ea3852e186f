/** What is measured inside one process: codecs, lookup, byte work, and the pipeline between edges that never wait. */
import { LENGTH, OFFSET, RECORD } from '../src/bytes/batch.js';
import { type ByteWork, twins } from '../src/bytes/index.js';
import { flowHash } from '../src/core/flow-hash.js';
import { ForwardingReader } from '../src/core/forwarding/forwarding-reader.js';
import { ForwardingTable } from '../src/core/forwarding/forwarding-table.js';
import { Overlay, pathContext } from '../src/dataplane/overlay.js';
import { Pipeline } from '../src/dataplane/pipeline.js';
import { byteWork } from '../src/os/native.js';
import { addressAt, type Prefix, parseAddress, parsePrefix } from '../src/wire/address.js';
import { IpView } from '../src/wire/ip.js';
import { checkVxlan } from '../src/wire/vxlan.js';
import { EndlessDevice, EndlessUnderlay } from './endless.js';
import type { Case } from './harness.js';
import { frameFor, NODES, tcpSuperpacket, udpPacket } from './packets.js';

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

export function codecs(): Case[] {
  const view = new IpView();
  const packet = udpPacket(64);
  const frame = frameFor(packet);
  view.parse(packet, 0, packet.length);
  return [
    { name: 'IpView.parse', run: () => view.parse(packet, 0, packet.length) },
    { name: 'checkVxlan', run: () => checkVxlan(frame, 0, frame.length, 1) },
    { name: 'flowHash', run: () => flowHash(view) },
  ];
}

/** Random addresses in a table of `/24`s and `/64`s with a host prefix for each peer, as a cluster has it. */
export async function lookups(prefixes: number): Promise<Case[]> {
  const underlay = parseAddress('192.0.2.1');
  if (!underlay) throw new Error('no address');
  const table = ForwardingTable.create({ readers: 1 });
  const record = { underlay, port: 8472, prefix: new Uint8Array(22), ecn: false, overlay: [] };
  const v4 = Array.from({ length: Math.min(prefixes, 65_536) }, (_, i) => prefix(`10.${i >> 8}.${i & 255}.0/24`));
  const v6 = Array.from({ length: prefixes - v4.length || prefixes }, (_, i) =>
    prefix(`fd00:244:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::/64`),
  );
  const wanted = [...v4, ...v6].slice(0, Math.max(prefixes, 2));
  await table.apply([
    { kind: 'setPeer', peer: 1, record },
    { kind: 'setPrefix', prefix: prefix('192.0.2.1/32'), peer: 1, underlay: true },
    ...wanted.map((found) => ({ kind: 'setPrefix', prefix: found, peer: 1, underlay: false }) as const),
  ]);
  const reader = new ForwardingReader(table.memory, 0);
  reader.begin();
  const addresses = Array.from({ length: 4096 }, (_, i) => addressAt(wanted[(i * 7919) % wanted.length], 9).words);
  let at = 0;
  const next = () => addresses[at++ & 4095];
  return [
    {
      name: `owner, ${wanted.length} prefixes`,
      run: () => {
        const [a, b, c, d] = next();
        reader.owner(a, b, c, d);
      },
    },
  ];
}

export function bytes(): Case[] {
  const works: [string, ByteWork][] = [['TypeScript', twins]];
  const native = byteWork();
  if (native !== twins) works.unshift(['C', native]);
  return works.flatMap(([kind, work]) => [
    ...[20, 64, 256, 1400, 60_000].map((length): Case => {
      const memory = Buffer.alloc(length, 7);
      return { name: `checksum ${length} B, ${kind}`, bytes: length, run: () => work.sum(memory, 0, length, 0) };
    }),
    splitCase(kind, work),
    joinCase(kind, work),
  ]);
}

function splitCase(kind: string, work: ByteWork): Case {
  const { packet } = tcpSuperpacket(60_000, 1380);
  const arena = Buffer.alloc(200_000);
  packet.copy(arena, 64);
  const run = () => work.split(arena, 64, packet.length, 20, 40, false, 1380, 0, 22, 70_000, 200_000);
  return { name: `split 60 KB into 44 frames, ${kind}`, bytes: 60_000, run };
}

function joinCase(kind: string, work: ByteWork): Case {
  const { packet } = tcpSuperpacket(60_000, 1380);
  const arena = Buffer.alloc(200_000);
  packet.copy(arena, 64);
  const written = twins.split(arena, 64, packet.length, 20, 40, false, 1380, 0, 22, 70_000, 200_000);
  const count = Math.ceil(60_000 / 1380);
  const records = new Int32Array(count * RECORD);
  for (let i = 0, at = 70_000; i < count; i++, at += 22 + 40 + 1380) {
    records[i * RECORD + OFFSET] = at + 22;
    records[i * RECORD + LENGTH] = Math.min(40 + 1380, 70_000 + written - at - 22);
  }
  const joined = new Int32Array(records.length);
  const header = Buffer.from(arena.subarray(70_000, 70_100));
  return {
    name: `join 44 frames to 60 KB, ${kind}`,
    bytes: 60_000,
    run: () => {
      header.copy(arena, 70_000);
      work.join(arena, records, count, joined, true, true);
    },
  };
}

/** Each call is a turn: a batch read and sent, a batch received and written. */
export async function pipelines(): Promise<Case[]> {
  const overlay = await Overlay.create({
    self: NODES[0],
    vxlan: { vni: 1, port: 8472 },
    mtu: 1450,
    workers: 1,
    maxPeers: 64,
  });
  await overlay.setPeers([NODES[1]]);
  const packets: [string, { packet: Buffer; virtio: Buffer }, number][] = [
    ['64 B', { packet: udpPacket(36), virtio: Buffer.alloc(10) }, 32],
    ['1,400 B', { packet: udpPacket(1372), virtio: Buffer.alloc(10) }, 32],
    ['60 KB superpackets', tcpSuperpacket(60_000, 1380), 4],
  ];
  return packets
    .flatMap(([name, { packet, virtio }, count]) =>
      (['out', 'in'] as const).map((way): Case => {
        const device = new EndlessDevice(way === 'out' ? count : 0, packet, virtio);
        const frame = frameFor(count === 4 ? udpPacket(1372) : packet, NODES[1], NODES[0]);
        const underlay = new EndlessUnderlay(way === 'in' ? 32 : 0, frame, NODES[1]);
        const pipeline = new Pipeline(
          device,
          underlay,
          pathContext(overlay.shared, 0, byteWork(), () => 0),
        );
        const moved = way === 'out' ? count : 32;
        const size = way === 'out' ? packet.length : frame.length - 22;
        return {
          name: `pipeline ${way}, ${name}`,
          packets: moved,
          bytes: moved * size,
          run: () => void pipeline.turn(),
        };
      }),
    )
    .filter(({ name }) => name !== 'pipeline in, 60 KB superpackets');
}

/** 100,000 prefixes change their owner at once; milliseconds. */
export async function switchTime(): Promise<number> {
  const table = ForwardingTable.create({ readers: 1 });
  const underlay = parseAddress('192.0.2.1');
  if (!underlay) throw new Error('no address');
  const record = { underlay, port: 8472, prefix: new Uint8Array(22), ecn: false, overlay: [] };
  const changes = Array.from({ length: 100_000 }, (_, i) => ({
    kind: 'setPrefix' as const,
    prefix: prefix(`${10 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.0/24`),
    peer: 1,
    underlay: false,
  }));
  await table.apply([{ kind: 'setPeer', peer: 1, record }, { kind: 'setPeer', peer: 2, record }, ...changes]);
  const moved = changes.map((change) => ({ ...change, peer: 2 }));
  const started = performance.now();
  await table.apply(moved);
  return performance.now() - started;
}
