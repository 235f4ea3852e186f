/**
 * Tries a device's offloads with real packets, because kernels offer some that they break. Run after the device has its
 * addresses and routes and before anything else uses it: the kernel's own TCP and UDP talk to a probe that plays a pod
 * somewhere in the cluster, in superpackets, both ways. What comes out damaged turns the offload off. What does not come
 * at all, for a firewall may stand between, proves nothing and changes nothing.
 */
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { ADDRESS, Batch, LENGTH, OFFSET, PORT, RECORD, SEGMENT } from '../bytes/batch.js';
import { seededRandom } from '../core/random.js';
import { type Address, addressBytes, formatAddress } from '../wire/address.js';
import { TCP, UDP } from '../wire/ip.js';
import { TCP_ACK, TCP_PSH, TCP_RST, TCP_SYN } from '../wire/tcp.js';
import type { TunDevice } from './device.js';
import { OffloadProbe, type TcpWords } from './offload-probe.js';
import { type SystemCalls, TUN_F_TSO4, TUN_F_TSO6, TUN_F_USO4, TUN_F_USO6 } from './system-calls.js';
import { TunQueue } from './tun.js';

/** How long the kernel may take for a step, ms. It takes one or two. */
const STEP_WAIT = 150;
/** Several segments, and within an initial window of ten of the smallest (536 bytes), as the probe asks for no other. */
const TCP_BYTES = 5000;
const UDP_BYTES = 5000;
const SEGMENT_BYTES = 1000;
const PROBE_PORT = 9;
const FIRST_SEQUENCE = 1_000_000;

/** `none`: nothing came, so nothing is known. */
export type Verdict = 'works' | 'broken' | 'none';

export interface OffloadResult {
  readonly offload: 'tso' | 'uso';
  readonly family: 4 | 6;
  readonly verdict: Verdict;
}

/**
 * Tests TCP and UDP segmentation, as far as the device has them, between one pair of addresses, and turns off what is
 * broken.
 * @param own an overlay address of this node
 * @param remote an address that is routed to the device and that nobody else answers for now
 */
export async function testOffloads(
  system: SystemCalls,
  device: TunDevice,
  own: Address,
  remote: Address,
): Promise<OffloadResult[]> {
  const { family } = own;
  const queue = new TunQueue(system, device.queues[0], device.capabilities);
  const probe = new OffloadProbe(queue, own, remote);
  const results: OffloadResult[] = [];
  const { tcpSegmentation, udpSegmentation } = device.capabilities;
  if (tcpSegmentation) results.push({ offload: 'tso', family, verdict: await testTcp(probe, own, remote) });
  if (udpSegmentation) results.push({ offload: 'uso', family, verdict: await testUdp(system, probe, own, remote) });
  for (const { offload, verdict } of results) {
    if (verdict !== 'broken') continue;
    const bits = offload === 'tso' ? TUN_F_TSO4 | TUN_F_TSO6 : TUN_F_USO4 | TUN_F_USO6;
    device.setOffloads(device.offloads & ~bits);
  }
  return results;
}

async function testTcp(probe: OffloadProbe, own: Address, remote: Address): Promise<Verdict> {
  const socket = connect({ host: formatAddress(remote), localAddress: formatAddress(own), port: PROBE_PORT });
  const received: Buffer[] = [];
  socket.on('error', () => {}).on('data', (chunk: Buffer) => received.push(chunk));
  try {
    const words = await shakeHands(probe, socket);
    if (!words) return 'none';
    const out = noise(TCP_BYTES, 1);
    socket.write(out);
    if (!(await hearsAll(probe, TCP, out, words.acknowledge))) return 'broken';

    const back = noise(TCP_BYTES, 2);
    probe.sayTcp({ ...words, acknowledge: words.acknowledge + out.length }, back, SEGMENT_BYTES);
    const arrived = await until(() => Buffer.concat(received).length >= back.length);
    probe.sayTcp({ ...words, sequence: words.sequence + back.length, flags: TCP_RST | TCP_ACK }, Buffer.alloc(0));
    return arrived && Buffer.concat(received).equals(back) ? 'works' : 'broken';
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

/** Whether the kernel sends exactly these bytes, in packets that are all sound. */
async function hearsAll(
  probe: OffloadProbe,
  protocol: number,
  expected: Buffer,
  firstSequence: number,
): Promise<boolean> {
  const bytes = Buffer.alloc(expected.length);
  let missing = expected.length;
  let sound = true;
  await until(() => {
    for (const heard of probe.hear()) {
      if (heard.protocol !== protocol || heard.payload.length === 0) continue;
      sound &&= heard.sound;
      const at = protocol === TCP ? (heard.sequence - firstSequence) >>> 0 : expected.length - missing;
      heard.payload.copy(bytes, at);
      missing -= heard.payload.length;
    }
    return missing <= 0;
  });
  return sound && missing === 0 && bytes.equals(expected);
}

async function testUdp(system: SystemCalls, probe: OffloadProbe, own: Address, remote: Address): Promise<Verdict> {
  const address = addressBytes(own);
  const fd = system.udpOpen({ address, port: 0, reusePort: false, receive: true, sendOnly: false, buffer: 1 << 18 });
  try {
    const out = noise(UDP_BYTES, 3);
    const batch = new Batch(out, 0, out.length, 1);
    const row = batch.append(0, out.length);
    batch.records[row + SEGMENT] = SEGMENT_BYTES;
    batch.records[row + PORT] = PROBE_PORT;
    batch.records.set(remote.words, row + ADDRESS);
    if (system.udpSend(Int32Array.of(fd), out, batch.records, 1, 0) === 0) return 'none';
    if (!(await hearsAll(probe, UDP, out, 0))) return 'broken';

    const back = noise(UDP_BYTES, 4);
    probe.sayUdp(PROBE_PORT, system.udpPort(fd), back, SEGMENT_BYTES);
    const received = Batch.allocate(8 * 65_536, 8);
    const arrived = await until(() => {
      const { bytes, records, count } = received;
      received.count += system.udpReceive(fd, bytes, count * 65_536, 65_536, records, count, 8 - count);
      return payload(received).length >= back.length;
    });
    if (!arrived && received.count === 0) return 'none';
    return payload(received).equals(back) ? 'works' : 'broken';
  } finally {
    system.close(fd);
  }
}

function payload({ bytes, records, count }: Batch): Buffer {
  const pieces = Array.from({ length: count }, (_, i) => {
    const offset = records[i * RECORD + OFFSET];
    return bytes.subarray(offset, offset + records[i * RECORD + LENGTH]);
  });
  return Buffer.concat(pieces);
}

/** Looks until it is so, giving the event loop its turns; false when it took too long. */
async function until(isSo: () => boolean): Promise<boolean> {
  const end = performance.now() + STEP_WAIT;
  while (!isSo()) {
    if (performance.now() > end) return false;
    await turn();
  }
  return true;
}

function noise(length: number, seed: number): Buffer {
  const random = seededRandom(seed);
  return Buffer.from(Uint8Array.from({ length }, () => random() * 256));
}
