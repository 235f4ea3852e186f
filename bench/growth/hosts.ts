/** End to end, with real devices and sockets, as the laboratory's cables have it: by MTU and by number of workers. */
import { setTimeout as delay } from 'node:timers/promises';
import { Lab } from '../../src/lab/lab.js';
import { messageOf } from '../../src/wire/error.js';
import { reachable, SETTLE, tcp, udp } from '../hosts/measure.js';

export interface HostsCase {
  /** Of the underlay, bytes. */
  readonly mtu: number;
  readonly workers: number;
  readonly rounds: HostsSample[];
}

export interface HostsSample {
  /** Gbit/s at the receiver. */
  readonly tcp1: number;
  readonly tcp4: number;
  /** CPU seconds of both hosts for a gigabyte of one stream. */
  readonly cpuPerGb: number;
  /** Datagrams of 64 bytes delivered of a flood, thousands a second. */
  readonly udp64: number;
}

const MTUS: readonly number[] = [1500, 3000, 6000, 9000];

export async function measureHosts(
  rounds: number,
  workers: readonly number[],
  seconds: number,
  progress: (words: string) => void,
): Promise<HostsCase[]> {
  const cases = MTUS.flatMap((mtu) => workers.map((count): HostsCase => ({ mtu, workers: count, rounds: [] })));
  for (let round = 1; round <= rounds; round++) {
    for (const one of cases) {
      progress(`hosts, round ${round} of ${rounds}: MTU ${one.mtu}, ${one.workers} workers`);
      try {
        one.rounds.push(await measureOnce(one, seconds));
      } catch (error) {
        progress(`this round is missing: ${messageOf(error)}`);
      }
    }
  }
  return cases.filter((one) => one.rounds.length > 0);
}

async function measureOnce({ mtu, workers }: HostsCase, seconds: number): Promise<HostsSample> {
  const lab = await Lab.create({ name: 'growth', hosts: 2, laboratory: 'cable', mtu });
  try {
    await Promise.all(lab.hosts.map((host) => lab.startPodwire(host, { config: { workers }, timeoutMs: 60_000 })));
    const [address] = lab.hosts[1].pods[0].addresses;
    // iperf3 runs on the hosts: their own overlay addresses are as good as a pod's.
    const own = address.replace(/\.\d+$/, '.0');
    await reachable(lab, own);
    lab.spawn(lab.hosts[1], ['iperf3', '-s'], { stdio: 'ignore' });
    await delay(SETTLE);
    const { rate: tcp1, cpuPerGb } = await tcp(lab, own, seconds);
    const { rate: tcp4 } = await tcp(lab, own, seconds, '-P', '4');
    return { tcp1, tcp4, cpuPerGb, udp64: await udp(lab, own, seconds) };
  } finally {
    await lab.destroy();
  }
}
