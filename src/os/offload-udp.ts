/**
 * Tries what the kernel does to many datagrams at once (`UDP_SEGMENT`, `UDP_GRO`), with trains that we send ourselves
 * over the underlay address, from one throw-away socket to another. What arrives must be the very datagrams, each with its
 * own bytes and size. The trains stay in this kernel: what a NIC or a driver does to them, this cannot see.
 */
import { ADDRESS, Batch, LENGTH, OFFSET, PORT, RECORD, SEGMENT, STATUS } from '../bytes/batch.js';
import type { OffloadSwitches } from '../control/config/offloads.js';
import type { OffloadResult } from '../control/offload-report.js';
import { seededRandom } from '../core/random.js';
import { type Address, addressBytes } from '../wire/address.js';
import type { SystemCalls } from './system-calls.js';
import { until } from './until.js';

/** Bytes of a datagram, bytes of the train. The kernel cuts 64 at most in one message, and 65,507 bytes. */
const TRAINS = [
  [1000, 1000],
  [1472, 65_468],
  [120, 63 * 120 + 7],
  [1400, 4 * 1400],
] as const;
const SINGLE = TRAINS[0];
const SLOT = 65_536;
const SLOTS = 64;
const BUFFER = 1 << 20;

/** Tests those that are not switched off. */
export async function testUdpOffloads(
  system: SystemCalls,
  underlay: Address,
  switches: Pick<OffloadSwitches, 'udpSegment' | 'udpGro'>,
): Promise<OffloadResult[]> {
  const segment = switches.udpSegment === 'auto';
  const results: OffloadResult[] = [];
  if (segment) results.push({ offload: 'udpSegment', ...(await withPair(system, underlay, false, testSegment)) });
  const cuts = results[0]?.verdict === 'works';
  if (switches.udpGro === 'auto') {
    const test = (pair: Pair) => testGro(pair, cuts);
    results.push({ offload: 'udpGro', ...(await withPair(system, underlay, true, test)) });
  }
  return results;
}

type Finding = Omit<OffloadResult, 'offload'>;

const WORKS: Finding = { verdict: 'works', seen: '' };
const FIREWALL = 'datagrams to our own underlay address do not arrive: a firewall may stand between';

async function testSegment(pair: Pair): Promise<Finding> {
  if ((await pair.carry(...SINGLE, false)).length === 0) return { verdict: 'unknown', seen: FIREWALL };
  for (const [size, bytes] of TRAINS) {
    const seen = await wrongWith(pair, size, bytes, true);
    if (seen !== '') return { verdict: 'broken', seen };
  }
  return WORKS;
}

/** @param cuts the trains can be sent as one message: over our own address nothing else comes joined */
async function testGro(pair: Pair, cuts: boolean): Promise<Finding> {
  if ((await pair.carry(...SINGLE, false)).length === 0) return { verdict: 'unknown', seen: FIREWALL };
  for (const [size, bytes] of TRAINS) {
    const seen = await wrongWith(pair, size, bytes, cuts);
    if (seen !== '') return { verdict: 'broken', seen };
  }
  if (pair.joined) return WORKS;
  return cuts
    ? { verdict: 'absent', seen: '' }
    : { verdict: 'unknown', seen: 'without udpSegment there are no trains' };
}

/** What is wrong with what arrives of a train, in words, or nothing. */
async function wrongWith(pair: Pair, size: number, bytes: number, asOne: boolean): Promise<string> {
  const expected = cut(noise(bytes), size);
  const arrived = await pair.carry(size, bytes, asOne);
  if (pair.refused !== 0) return `a train of ${expected.length} datagrams is refused (errno ${pair.refused})`;
  const sizes = (datagrams: readonly Buffer[]) => datagrams.map(({ length }) => length).join();
  if (arrived.length !== expected.length) return `of ${expected.length} datagrams in a train ${arrived.length} arrive`;
  if (sizes(arrived) !== sizes(expected)) return 'datagrams of a train arrive with other sizes';
  return arrived.every((datagram, i) => datagram.equals(expected[i]))
    ? ''
    : 'datagrams of a train arrive with other bytes';
}

/** Two sockets at the underlay address, one of which sends to the other. */
class Pair {
  /** Why the last train was not sent; 0: it was. */
  refused = 0;
  /** Whether anything came joined. */
  joined = false;
  readonly #system: SystemCalls;
  readonly #underlay: Address;
  readonly #sender: number;
  readonly #receiver: number;
  readonly #received = Batch.allocate(SLOTS * SLOT, SLOTS);

  constructor(system: SystemCalls, underlay: Address, sender: number, receiver: number) {
    this.#system = system;
    this.#underlay = underlay;
    this.#sender = sender;
    this.#receiver = receiver;
  }

  /**
   * Sends a train and gives the datagrams that arrive, as many bytes of them as were sent, or as come in time.
   * @param asOne as one message, for the kernel to cut
   */
  async carry(size: number, bytes: number, asOne: boolean): Promise<Buffer[]> {
    this.#send(noise(bytes), size, asOne);
    const datagrams: Buffer[] = [];
    let missing = bytes;
    await until(() => {
      for (const datagram of this.#receive()) {
        datagrams.push(datagram);
        missing -= datagram.length;
      }
      return missing <= 0;
    });
    return datagrams;
  }

  #send(train: Buffer, size: number, asOne: boolean): void {
    const batch = new Batch(train, 0, train.length, asOne ? 1 : Math.ceil(train.length / size));
    const step = asOne ? train.length : size;
    const port = this.#system.udpPort(this.#receiver);
    for (let at = 0; at < train.length; at += step) {
      const row = batch.append(at, Math.min(step, train.length - at));
      batch.records[row + SEGMENT] = asOne && train.length > size ? size : 0;
      batch.records[row + PORT] = port;
      batch.records.set(this.#underlay.words, row + ADDRESS);
    }
    const sent = this.#system.udpSend(Int32Array.of(this.#sender), train, batch.records, batch.count, 0);
    this.refused = sent === batch.count ? 0 : batch.records[STATUS];
  }

  #receive(): Buffer[] {
    const { bytes, records } = this.#received;
    const count = this.#system.udpReceive(this.#receiver, bytes, 0, SLOT, records, 0, SLOTS);
    return Array.from({ length: count }, (_, i) => {
      const offset = records[i * RECORD + OFFSET];
      const message = Buffer.from(bytes.subarray(offset, offset + records[i * RECORD + LENGTH]));
      this.joined ||= records[i * RECORD + SEGMENT] > 0;
      return cut(message, records[i * RECORD + SEGMENT] || message.length);
    }).flat();
  }
}

async function withPair(
  system: SystemCalls,
  underlay: Address,
  gro: boolean,
  test: (pair: Pair) => Promise<Finding>,
): Promise<Finding> {
  const plain = { address: addressBytes(underlay), port: 0, reusePort: false, sendOnly: false, buffer: BUFFER };
  const opened: number[] = [];
  try {
    opened.push(
      system.udpOpen({ ...plain, receive: true, gro }),
      system.udpOpen({ ...plain, receive: false, gro: false }),
    );
    return await test(new Pair(system, underlay, opened[1], opened[0]));
  } finally {
    for (const fd of opened) system.close(fd);
  }
}

function cut(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** The same for the same length. */
function noise(length: number): Buffer {
  const random = seededRandom(length);
  return Buffer.from(Uint8Array.from({ length }, () => random() * 256));
}
