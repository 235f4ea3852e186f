/**
 * What became of a node's frames behind it: pure. A host's kernel knows messages of up to 64 frames (`UDP_SEGMENT`) and
 * counts a dropped one once, so bytes are compared: behind the outer UDP header they are the same in a message and in its
 * frames.
 *
 * ```
 *   podwire -- output -- neighbour -- egress -- device -- router
 *   tx_bytes   posted     waits        left     drops     payload
 * ```
 *
 * A link that goes down forgets its neighbours. From then on messages wait for an address; a few stay, the others are
 * dropped without a word: only /proc/net/stat/arp_cache counts them, messages of all namespaces together.
 */
import type { CounterName } from '../../src/core/counters.js';
import type { Reading } from './readings.js';

export interface FrameAccount {
  /** Frames that podwire sent and the router did not see. */
  readonly frames: number;
  /** Bytes that podwire says it sent and the kernel did not get; below zero: that it got without a word. */
  readonly unposted: number;
  /** Bytes that waited for a neighbour's address in vain. */
  readonly waiting: number;
  /** Bytes that were lost at the link. */
  readonly link: number;
}

/** What a frame has behind the outer UDP header: at least VXLAN, Ethernet, IPv4 and UDP; at most what the lab's links take. */
export const LEAST_FRAME = 50;
export const MOST_FRAME = 1_472;
/** VXLAN and Ethernet in front of each packet, bytes. */
const ENCAPSULATION = 22;
/** How often a message is given to the kernel that refuses it (native/udp.c). */
const TRIES = 3;
/** Frames that the kernel refused: they are among what was posted, and podwire has counted them as dropped. */
const REFUSED: readonly CounterName[] = ['tx_socket_full', 'tx_path_too_big', 'tx_unreachable', 'tx_refused'];

/** @param name of the host */
export function accountFrames(name: string, before: Reading, now: Reading): FrameAccount {
  const [host, old] = [now.hosts[name], before.hosts[name]];
  const more = (counter: CounterName) => host.counts[counter] - old.counts[counter];
  const seen = (of: Reading) => of.router.counters[`all_in_${name}`];
  const posted = host.posted - old.posted;
  const left = host.left - old.left;
  const unposted = more('tx_bytes') + ENCAPSULATION * more('tx_frames') - posted;
  const refused = REFUSED.reduce((sum, counter) => sum + more(counter), 0);
  return {
    frames: more('tx_frames') - (seen(now) - seen(before)),
    unposted: unposted < 0 ? Math.min(0, unposted + refused * TRIES * MOST_FRAME) : unposted,
    waiting: posted - left,
    link: left - (now.router.payload[name] - before.router.payload[name]),
  };
}
