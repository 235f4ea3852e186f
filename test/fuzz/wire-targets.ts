/**
 * Everything that reads or rewrites a packet: nothing throws, and nothing is read or written outside its range. Every
 * input is run twice, with other bytes around it: an answer that depends on them, or a change among them, is a fault.
 */
import { flowHash } from '../../src/core/flow-hash.js';
import { fragment } from '../../src/core/fragment.js';
import { ICMP_ERROR_MOST, mayAnswer, writeTooBig, writeUnreachable } from '../../src/core/icmp-errors.js';
import { clampMss } from '../../src/core/mss.js';
import { ARP_FRAME, answerArp, isArpRequest } from '../../src/wire/arp.js';
import { IpView, martianDestination, martianSource } from '../../src/wire/ip.js';
import { ADVERTISEMENT_FRAME, isNeighbourSolicitation, writeAdvertisement } from '../../src/wire/ndp.js';
import { decodePathProbe, verifyPathProbe } from '../../src/wire/path-probe.js';
import { findMss } from '../../src/wire/tcp.js';
import { checkVxlan } from '../../src/wire/vxlan.js';
import { ipv4, ipv6, tcp, udp, withChecksum, words } from '../unit/wire/packets.js';
import { vectors } from '../unit/wire/vectors.js';
import type { Mutator } from './mutate.js';
import { decoder, type Target } from './target.js';

/** Bytes before an input, bytes behind it. */
const BEFORE = 64;
const BEHIND = 64;
/** What stands around the input in each of its two runs. */
const GUARDS = [0x00, 0xff];

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);
const PROBE_KEYS = [new Uint8Array(32), Uint8Array.from({ length: 32 }, (_, i) => i)];
const ROUTER = { 4: words('10.0.0.1'), 6: words('fd00::2') };

/** Frames from the inner Ethernet header on, VXLAN frames, and whole packets: what mutations start from. */
const seeds = { frames: frames(), vxlan: vectors('vxlan').map(({ bytes }) => bytes), packets: packets() };

const view = new IpView();
const arena = Buffer.alloc(BEFORE + 4096 + BEHIND);
const target = Buffer.alloc(BEFORE + 16_384 + BEHIND);
const pieces = new Int32Array(512);

/** One thing that is fuzzed: what it is given, and what it makes of `length` bytes at `at` in the arena. */
interface Subject {
  readonly name: string;
  readonly from: readonly Buffer[];
  /** Returns a summary that must not depend on bytes out of range; may change the input itself. */
  run(at: number, length: number, choice: number): string;
}

const subjects: readonly Subject[] = [
  {
    name: 'vxlan',
    from: seeds.vxlan,
    run: (at, length, choice) => `${checkVxlan(arena, at, length, choice & 1 ? 4242 : 255)}`,
  },
  { name: 'path probe', from: vectors('path-probe').map(({ bytes }) => bytes.subarray(8)), run: runPathProbe },
  { name: 'arp', from: seeds.frames, run: runArp },
  { name: 'ndp', from: seeds.frames, run: runNdp },
  {
    name: 'tcp options',
    from: [...seeds.packets, ...options()],
    run: (at, length) => relative(findMss(arena, at, at + length), at),
  },
  { name: 'IpView', from: seeds.packets, run: runView },
  { name: 'mss', from: seeds.packets, run: runMss },
  { name: 'icmp errors', from: seeds.packets, run: runErrors },
  { name: 'fragment', from: seeds.packets, run: runFragment },
];

export function wireTargets(tools: Mutator): Target[] {
  return subjects.map((subject) =>
    decoder(
      subject.name,
      1 / subjects.length,
      subject.from,
      (input, choice) => runTwice(subject, input, choice),
      tools,
    ),
  );
}

/** Runs the subject between one guard and the other. */
function runTwice(subject: Subject, input: Buffer, choice: number): string {
  let answer = '';
  const results = GUARDS.map((guard) => {
    arena.fill(guard, 0, BEFORE + input.length + BEHIND);
    input.copy(arena, BEFORE);
    answer = subject.run(BEFORE, input.length, choice);
    if (!only(arena, guard, 0, BEFORE)) throw new Error('writes before its input');
    if (!only(arena, guard, BEFORE + input.length, BEFORE + input.length + BEHIND))
      throw new Error('writes behind its input');
    return `${answer} ${digest(arena, BEFORE, BEFORE + input.length)}`;
  });
  if (results[0] !== results[1]) throw new Error(`depends on what stands around: ${results.join(' or ')}`);
  return answer;
}

/** Whether the bytes from `start` to `end` are all `guard`. */
function only(bytes: Buffer, guard: number, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== guard) return false;
  return true;
}

/** FNV-1a. An Internet checksum would not do: what is written here often contains its own. */
function digest(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash >>> 0;
}

/** Runs a writer into the guarded target; its result's length and checksum, or a complaint that makes the run fail. */
function writes(most: number, write: (at: number) => number): string {
  target.fill(0xaa, 0, BEFORE + most + BEHIND);
  const length = write(BEFORE);
  if (length > most) throw new Error(`${length} bytes written, ${most} at most promised`);
  if (!only(target, 0xaa, 0, BEFORE)) throw new Error('written before the target');
  if (!only(target, 0xaa, BEFORE + length, BEFORE + most + BEHIND)) throw new Error('written behind the target');
  return `${length}:${digest(target, BEFORE, BEFORE + length)}`;
}

function runArp(at: number, length: number): string {
  if (length < 14 || !isArpRequest(arena, at + 14, length - 14)) return 'no';
  const answered = answerArp(arena, at, MAC);
  if (answered !== ARP_FRAME || answered > length) throw new Error(`${answered} bytes of answer`);
  return 'answered';
}

function runPathProbe(at: number, length: number): string {
  const frame = arena.subarray(at, at + length);
  const probe = decodePathProbe(frame);
  if (!probe) return 'no';
  return [...Object.values(probe), verifyPathProbe(frame, PROBE_KEYS)].join();
}

function runNdp(at: number, length: number): string {
  if (length < 14 || !view.parse(arena, at + 14, length - 14)) return 'malformed';
  if (!isNeighbourSolicitation(view)) return 'no';
  return writes(ADVERTISEMENT_FRAME, (to) => writeAdvertisement(view, MAC, target, to));
}

function runView(at: number, length: number): string {
  if (!view.parse(arena, at, length)) return 'malformed';
  const { headerLength, transport, fragment, fragmentOffset, moreFragments, dontFragment } = view;
  if (view.length > length || headerLength > view.length) throw new Error('longer than what is there');
  if (transport !== -1 && (transport < headerLength || transport >= view.length)) throw new Error('transport outside');
  if (fragmentOffset !== 0 && transport !== -1) throw new Error('a later fragment with a transport header');
  const flags = [
    fragment,
    moreFragments,
    dontFragment,
    view.headerSumOk(),
    martianSource(view),
    martianDestination(view),
  ];
  const numbers = [
    view.version,
    view.length,
    headerLength,
    view.protocol,
    transport,
    fragmentOffset,
    view.trafficClass,
  ];
  const addresses = [view.src0, view.src1, view.src2, view.src3, view.dst0, view.dst1, view.dst2, view.dst3];
  return [...flags, ...numbers, ...addresses, view.hopLimit, flowHash(view), view.pseudoHeaderSum()].join();
}

function runMss(at: number, length: number, choice: number): string {
  if (!view.parse(arena, at, length)) return 'malformed';
  return `${clampMss(view, 576 + (choice % 1000), (choice & 1) !== 0)}`;
}

function runErrors(at: number, length: number, choice: number): string {
  if (!view.parse(arena, at, length)) return 'malformed';
  const router = ROUTER[view.version];
  return `${mayAnswer(view)} ${writes(ICMP_ERROR_MOST, (to) =>
    choice & 1 ? writeTooBig(view, choice, router, target, to) : writeUnreachable(view, router, target, to),
  )}`;
}

function runFragment(at: number, length: number, choice: number): string {
  if (!view.parse(arena, at, length)) return 'malformed';
  const room = choice & 1 ? 16_384 : choice % 4096;
  const used = choice & 2 ? pieces : pieces.subarray(0, 6);
  let count = 0;
  const written = writes(room, (to) => {
    // No headroom, so that the pieces fill what was written.
    count = fragment(view, 28 + (choice % 700), 0, target, to, to + room, used);
    return count === 0 ? 0 : used[2 * count - 2] + used[2 * count - 1] - to;
  });
  return `${count} ${written}`;
}

function relative(found: number, at: number): string {
  return found === -1 ? 'none' : `${found - at}`;
}

function frames(): Buffer[] {
  return [...vectors('arp'), ...vectors('ndp')].flatMap(({ bytes, answer }) => [bytes, answer]);
}

function packets(): Buffer[] {
  const syn = tcp([40_000, 443], 2, Buffer.from([1, 2, 4, 5, 0xb4, 4, 2, 3, 3, 7, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]));
  const chain = Buffer.concat([
    Buffer.from([60, 0, 1, 4, 0, 0, 0, 0]),
    Buffer.from([44, 1, 1, 12, ...Buffer.alloc(12)]),
    Buffer.from([51, 0, 0, 0, 1, 2, 3, 4]),
    Buffer.from([6, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
    syn,
  ]);
  const headerOptions = Buffer.from('0703040194040000820b0102030405060708', 'hex');
  return [
    ...[...vectors('ip'), ...vectors('icmp-errors')].flatMap(({ bytes, answer }) => [bytes, answer]),
    withChecksum(ipv4({ protocol: 6, payload: syn }), 16),
    withChecksum(ipv6({ next: 6, payload: syn }), 16),
    ipv6({ next: 0, payload: chain }),
    ipv4({ options: Buffer.concat([headerOptions, Buffer.alloc(2)]), payload: Buffer.alloc(1300, 5) }),
    ipv4({ payload: udp([1, 2], Buffer.alloc(900, 3)), fragmentOffset: 1480, moreFragments: true }),
  ];
}

function options(): Buffer[] {
  return [
    [2, 4, 5, 0xb4],
    [1, 1, 1, 2, 4, 5, 0xb4],
    [8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1],
    [3, 0, 0, 0],
  ].map((list) => tcp([1, 2], 2, Buffer.from(list)));
}
