/** What measurements come to. Plain JSON. */
import { mean, quantile } from './statistics.js';

export interface TcpResult {
  readonly test: 'tcp';
  readonly streams: number;
  /** The server sends. */
  readonly reverse: boolean;
  /** At the receiver. */
  readonly bitsPerSecond: number;
  readonly bytes: number;
  /** From the first byte to the last, at the receiver. */
  readonly seconds: number;
  /** What podwire and our own sender and receiver have worked for 10^9 bytes, both ends together. */
  readonly cpuSecondsPerGb: number;
}

/** As many datagrams as can be sent. */
export interface UdpResult {
  readonly test: 'udp';
  /** Payload, bytes. */
  readonly size: number;
  readonly sent: number;
  readonly received: number;
  readonly sentPerSecond: number;
  readonly deliveredPerSecond: number;
  /** 0 to 1. */
  readonly loss: number;
  /** Came after one that was sent later. */
  readonly late: number;
  /** Of the lost: those that came as far as the receiving program's socket, which was full. */
  readonly socketDrops: number;
  readonly seconds: number;
}

/** The highest rate without loss. */
export interface RateResult {
  readonly test: 'rate';
  /** Payload, bytes. */
  readonly size: number;
  readonly packetsPerSecond: number;
  /** Of payload. */
  readonly bitsPerSecond: number;
  /** Nothing was lost at the sender's own highest rate. */
  readonly senderLimited: boolean;
  readonly trials: readonly { readonly packetsPerSecond: number; readonly sent: number; readonly received: number }[];
}

export interface RttResult {
  readonly test: 'rtt';
  readonly beside: 'nothing' | 'tcp';
  readonly sent: number;
  readonly lost: number;
  readonly minUs: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export type BenchResult = TcpResult | UdpResult | RateResult | RttResult;

/** @param rttsUs at least one */
export function rttResult(beside: RttResult['beside'], sent: number, rttsUs: readonly number[]): RttResult {
  return {
    test: 'rtt',
    beside,
    sent,
    lost: sent - rttsUs.length,
    minUs: Math.min(...rttsUs),
    meanUs: mean(rttsUs),
    p50Us: quantile(rttsUs, 0.5),
    p99Us: quantile(rttsUs, 0.99),
    maxUs: Math.max(...rttsUs),
  };
}

/** What identifies a test, whatever came of it. */
export function titleOf(result: BenchResult): string {
  switch (result.test) {
    case 'tcp':
      return `TCP, ${result.streams} ${result.streams === 1 ? 'stream' : 'streams'}${result.reverse ? ', reverse' : ''}`;
    case 'udp':
      return `UDP ${result.size} B, flood`;
    case 'rate':
      return `UDP ${result.size} B, no loss`;
    case 'rtt':
      return result.beside === 'tcp' ? 'RTT beside TCP' : 'RTT idle';
  }
}
