/** What is missing at a stage of the packets' way, in spite of what was counted and of the slack. Pure. */
import { MOST_FRAME } from './frames.js';

export interface Imbalance {
  readonly stage:
    | 'host'
    | 'sending'
    | 'network'
    | 'receiving'
    | 'fragmented'
    | 'frames posted'
    | 'frames to the link'
    | 'frames sent'
    | 'frames received'
    | 'frames ended';
  readonly where: string;
  /** Packets (of bytes: at least so many) that are gone and were counted by nobody; below zero: that nobody had sent. */
  readonly packets: number;
}

/** Pings go on while all else rests, and they are small: 126 bytes in a frame. */
const BYTE_SLACK = 4_000;

export class Findings {
  readonly unaccounted: Imbalance[] = [];
  /** Packets within the slack. */
  inFlight = 0;

  /** @param missing what went in and did not come out @param counted drops that explain it */
  judge(stage: Imbalance['stage'], where: string, missing: number, counted: number, slack: number): void {
    const packets = unexplained(missing, counted);
    if (packets === 0) return;
    if (Math.abs(packets) <= slack) this.inFlight += stage.startsWith('frames') ? 0 : Math.abs(packets);
    else this.unaccounted.push({ stage, where, packets });
  }

  /** The same of bytes. */
  judgeBytes(stage: Imbalance['stage'], where: string, missing: number, counted: number): void {
    const bytes = unexplained(missing, counted);
    if (Math.abs(bytes) <= BYTE_SLACK) return;
    this.unaccounted.push({ stage, where, packets: Math.sign(bytes) * Math.ceil(Math.abs(bytes) / MOST_FRAME) });
  }
}

function unexplained(missing: number, counted: number): number {
  return missing < 0 ? missing : Math.max(0, missing - counted);
}
