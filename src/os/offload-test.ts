/**
 * Tries a device's offloads with real packets, because kernels offer some that they break. Run after the device has its
 * addresses and routes and before anything else uses it: the kernel's own TCP and UDP talk to a probe that plays a pod
 * somewhere in the cluster, both ways: first with checksums left to the other end, then in superpackets. What comes out
 * damaged turns the offload off. What does not come at all, for a firewall may stand between, proves nothing and changes
 * nothing.
 */
import { connect, type Socket } from 'node:net';
import { ADDRESS, Batch, LENGTH, OFFSET, PORT, RECORD, SEGMENT } from '../bytes/batch.js';
import type { OffloadResult } from '../control/offload-report.js';
import { seededRandom } from '../core/random.js';
import { type Address, addressBytes, formatAddress } from '../wire/address.js';
import { TCP, UDP } from '../wire/ip.js';
import { TCP_ACK, TCP_PSH, TCP_RST, TCP_SYN } from '../wire/tcp.js';
import type { TunDevice, TunOffload } from './device.js';
import { OffloadProbe, type TcpWords } from './offload-probe.js';
import type { SystemCalls } from './system-calls.js';
import { TunQueue } from './tun.js';
import { until } from './until.js';

/** Several segments, and within an initial window of ten of the smallest (536 bytes), as the probe asks for no other. */
const TCP_BYTES = 5000;
const UDP_BYTES = 5000;
const SEGMENT_BYTES = 1000;
const PROBE_PORT = 9;
const FIRST_SEQUENCE = 1_000_000;
/** A slot for what is received: at most a datagram, or several joined. */
const SLOT = 65_536;

type Finding = Omit<OffloadResult, 'offload'>;

const WORKS: Finding = { verdict: 'works', seen: '' };
const unknown = (seen: string): Finding => ({ verdict: 'unknown', seen });
const broken = (seen: string): Finding => ({ verdict: 'broken', seen });

/**
 * Tests checksums, and TCP and UDP segmentation, as far as the device has them, between one pair of addresses, and turns
 * off what is broken.
 * @param own an overlay address of this node
 * @param remote an address that is routed to the device and that nobody else answers for now
 * @param segments `UDP_SEGMENT` works: without it the kernel sends no UDP superpackets
 */
export async function testOffloads(
  system: SystemCalls,
  device: TunDevice,
  own: Address,
  remote: Address,
  segments: boolean,
): Promise<OffloadResult[]> {
  const queue = new TunQueue(system, device.queues[0], device.capabilities);
  const probe = new OffloadProbe(queue, own, remote);
  const results: OffloadResult[] = [];
  const test = async (offload: TunOffload, run: () => Promise<Finding>): Promise<void> => {
    if (!device.has(offload)) return;
    const { verdict, seen } = await run();
    results.push({ offload, verdict, seen: seen && `IPv${own.family}: ${seen}` });
    if (verdict === 'broken') device.turnOff(offload);
  };
  await withSocket(system, own, async (fd) => {
    await test('checksum', () => testChecksum(system, probe, fd, remote));
    // Where single datagrams pass both ways, one that does not come in a superpacket was lost by the offload.
    const passes = results[0]?.verdict === 'works';
    await test('tso', () => testTcp(probe, own, remote));
    await test('uso', () => testUdp(system, probe, fd, remote, passes, segments));
  });
  return results;
}

/** A UDP socket of the kernel, at our overlay address. */
async function withSocket(system: SystemCalls, own: Address, use: (fd: number) => Promise<void>): Promise<void> {
  const plain = { port: 0, reusePort: false, receive: true, gro: false, sendOnly: false, buffer: 1 << 18 };
  const fd = system.udpOpen({ ...plain, address: addressBytes(own) });
  try {
    await use(fd);
  } finally {
    system.close(fd);
  }
}

async function testChecksum(system: SystemCalls, probe: OffloadProbe, fd: number, remote: Address): Promise<Finding> {
  const out = noise(SEGMENT_BYTES, 5);
  if (!sendUdp(system, fd, remote, out, 0)) return unknown('no packet can be sent');
  const wrong = await hearsAll(probe, UDP, out, 0);
  if (wrong === NOTHING)
    return unknown('no packet of the kernel comes out of the device: a firewall may stand between');
  if (wrong !== '') return broken(`packets of the kernel come ${wrong}`);

  const port = system.udpPort(fd);
  const whole = noise(SEGMENT_BYTES, 6);
  probe.sayUdp(PROBE_PORT, port, whole, 0, false);
  if (!(await receives(system, fd, whole))) return unknown('no packet is let in: a firewall may stand between');
  const partial = noise(SEGMENT_BYTES, 7);
  probe.sayUdp(PROBE_PORT, port, partial, 0);
  return (await receives(system, fd, partial))
    ? WORKS
    : broken('packets whose checksum is left to the kernel are lost');
}

async function testTcp(probe: OffloadProbe, own: Address, remote: Address): Promise<Finding> {
  const socket = connect({ host: formatAddress(remote), localAddress: formatAddress(own), port: PROBE_PORT });
  const received: Buffer[] = [];
  socket.on('error', () => {}).on('data', (chunk: Buffer) => received.push(chunk));
  try {
    const words = await shakeHands(probe, socket);
    if (!words) return unknown('no TCP connection with the kernel comes about: a firewall may stand between');
    const out = noise(TCP_BYTES, 1);
    socket.write(out);
    const wrong = await hearsAll(probe, TCP, out, words.acknowledge);
    if (wrong !== '') return broken(`TCP superpackets of the kernel come ${wrong}`);

    const back = noise(TCP_BYTES, 2);
    probe.sayTcp({ ...words, acknowledge: words.acknowledge + out.length }, back, SEGMENT_BYTES);
    await until(() => Buffer.concat(received).length >= back.length);
    probe.sayTcp({ ...words, sequence: words.sequence + back.length, flags: TCP_RST | TCP_ACK }, Buffer.alloc(0));
    return Buffer.concat(received).equals(back) ? WORKS : broken('TCP superpackets to the kernel do not arrive whole');
  } finally {
    socket.destroy();
  }
}

/** Answers the kernel's SYN. Returns what the probe's next segment says, or undefined if there is no connection. */
async function shakeHands(probe: OffloadProbe, socket: Socket): Promise<TcpWords | undefined> {
  let syn: TcpWords | undefined;
  await until(() => {
    const [first] = probe.hear().filter(({ protocol, flags }) => protocol === TCP && (flags & TCP_SYN) !== 0);
    if (first) {
      syn = {
        sourcePort: first.destinationPort,
        destinationPort: first.sourcePort,
        sequence: FIRST_SEQUENCE,
        acknowledge: (first.sequence + 1) >>> 0,
        flags: TCP_SYN | TCP_ACK,
      };
    }
    return syn !== undefined;
  });
  if (!syn) return undefined;
  probe.sayTcp(syn, Buffer.alloc(0));
  const connected = await until(() => !socket.connecting);
  return connected ? { ...syn, sequence: FIRST_SEQUENCE + 1, flags: TCP_ACK | TCP_PSH } : undefined;
}

async function testUdp(
  system: SystemCalls,
  probe: OffloadProbe,
  fd: number,
  remote: Address,
  passes: boolean,
  segments: boolean,
): Promise<Finding> {
  const out = noise(UDP_BYTES, 3);
  if (segments) {
    if (!sendUdp(system, fd, remote, out, SEGMENT_BYTES)) return unknown('no UDP superpacket can be sent');
    const wrong = await hearsAll(probe, UDP, out, 0);
    if (wrong === NOTHING && !passes) return unknown('no packet of the kernel comes out of the device');
    if (wrong !== '') return broken(`UDP superpackets of the kernel come ${wrong}`);
  }

  const back = noise(UDP_BYTES, 4);
  probe.sayUdp(PROBE_PORT, system.udpPort(fd), back, SEGMENT_BYTES);
  if (await receives(system, fd, back)) return segments ? WORKS : unknown('without udpSegment only half of it is');
  return passes
    ? broken('UDP superpackets to the kernel do not arrive whole')
    : unknown('no packet is let in: a firewall may stand between');
}

const NOTHING = 'not at all';

/** Whether the kernel sends exactly these bytes, in packets that are all sound: empty, or how they come. */
async function hearsAll(
  probe: OffloadProbe,
  protocol: number,
  expected: Buffer,
  firstSequence: number,
): Promise<string> {
  const bytes = Buffer.alloc(expected.length);
  let missing = expected.length;
  let sound = true;
  await until(() => {
    for (const heard of probe.hear()) {
      if (heard.protocol !== protocol || heard.payload.length === 0) continue;
      sound &&= heard.sound;
      const at = protocol === TCP ? (heard.sequence - firstSequence) >>> 0 : expected.length - missing;
      heard.payload.copy(bytes, Math.min(at, bytes.length));
      missing -= heard.payload.length;
    }
    return missing <= 0;
  });
  if (missing === expected.length) return NOTHING;
  if (!sound) return 'with wrong checksums';
  if (missing !== 0) return `with ${expected.length - missing} bytes for ${expected.length}`;
  return bytes.equals(expected) ? '' : 'with other bytes in them';
}

/** Sends from a socket of the kernel to the probe, with `segment` as a superpacket; false if the kernel refused. */
function sendUdp(system: SystemCalls, fd: number, remote: Address, payload: Buffer, segment: number): boolean {
  const batch = new Batch(payload, 0, payload.length, 1);
  const row = batch.append(0, payload.length);
  batch.records[row + SEGMENT] = segment;
  batch.records[row + PORT] = PROBE_PORT;
  batch.records.set(remote.words, row + ADDRESS);
  return system.udpSend(Int32Array.of(fd), payload, batch.records, 1, 0) === 1;
}

/** Whether exactly these bytes come to a socket of the kernel. */
async function receives(system: SystemCalls, fd: number, expected: Buffer): Promise<boolean> {
  const received = Batch.allocate(8 * SLOT, 8);
  await until(() => {
    const { bytes, records, count } = received;
    received.count += system.udpReceive(fd, bytes, count * SLOT, SLOT, records, count, 8 - count);
    return payload(received).length >= expected.length;
  });
  return payload(received).equals(expected);
}

function payload({ bytes, records, count }: Batch): Buffer {
  const pieces = Array.from({ length: count }, (_, i) => {
    const offset = records[i * RECORD + OFFSET];
    return bytes.subarray(offset, offset + records[i * RECORD + LENGTH]);
  });
  return Buffer.concat(pieces);
}

function noise(length: number, seed: number): Buffer {
  const random = seededRandom(seed);
  return Buffer.from(Uint8Array.from({ length }, () => random() * 256));
}
