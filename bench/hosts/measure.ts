/** One round of one overlay: a lab of its own, iperf3 and ping between its two hosts. */
import { setTimeout as delay } from 'node:timers/promises';
import { mean, quantile } from '../../src/bench/statistics.js';
import { Lab } from '../../src/lab/lab.js';
import { processesIn } from '../../src/lab/namespaces.js';
import type { Laboratory } from '../../src/lab/plan.js';
import { processCpuSeconds } from '../../src/os/process-cpu.js';
import type { Overlay } from '../peers/overlay.js';
import type { Sample } from './figures.js';

/** Pings of each kind, and milliseconds between them. */
const PINGS = 1000;
const PING_EVERY = 2;
/** What an overlay does at its start is not measured, ms. */
export const SETTLE = 1000;

export async function measureOverlay(overlay: Overlay, laboratory: Laboratory, seconds: number): Promise<Sample> {
  const lab = await Lab.create({ name: 'bench', hosts: 2, laboratory });
  try {
    const address = await overlay.start(lab);
    await reachable(lab, address);
    lab.spawn(lab.hosts[1], ['iperf3', '-s'], { stdio: 'ignore' });
    await delay(SETTLE);
    const { rate: tcp1, cpuPerGb } = await tcp(lab, address, seconds);
    const { rate: tcp1Reverse } = await tcp(lab, address, seconds, '-R');
    const { rate: tcp4 } = await tcp(lab, address, seconds, '-P', '4');
    const udp64 = await udp(lab, address, seconds);
    const idle = await ping(lab, address);
    const busy = tcp(lab, address, 2 + (PINGS * PING_EVERY) / 1000);
    await delay(700);
    const loaded = await ping(lab, address);
    await busy;
    return {
      tcp1,
      tcp1Reverse,
      tcp4,
      udp64,
      cpuPerGb,
      rttMean: mean(idle),
      rttP99: quantile(idle, 0.99),
      loadedRttMean: mean(loaded),
      loadedRttP99: quantile(loaded, 0.99),
    };
  } finally {
    await lab.destroy();
  }
}

export async function reachable(lab: Lab, address: string): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    if ((await lab.exec(lab.hosts[0], ['ping', '-n', '-c', '1', '-W', '1', address])).code === 0) return;
  }
  throw new Error(`${address} does not answer`);
}

/** Gbit/s at the receiver, and what both hosts have worked for a gigabyte, programs that send and receive included. */
export async function tcp(lab: Lab, address: string, seconds: number, ...args: string[]) {
  const before = cpuSeconds(lab);
  const { end } = await iperf(lab, address, ['-t', String(seconds), ...args]);
  // The client has ended, and says itself what it has worked.
  const client = (end.cpu_utilization_percent.host_total / 100) * end.sum_sent.seconds;
  const gigabytes = end.sum_received.bytes / 1e9;
  return {
    rate: end.sum_received.bits_per_second / 1e9,
    cpuPerGb: (cpuSeconds(lab) - before + client) / gigabytes,
  };
}

/** Of all that runs on the hosts now. What the kernel does in threads of its own is not in it. */
function cpuSeconds(lab: Lab): number {
  return processCpuSeconds(processesIn(lab.hosts.map(({ namespace }) => namespace)));
}

/** Thousand datagrams of 64 bytes delivered a second, of a flood. */
export async function udp(lab: Lab, address: string, seconds: number): Promise<number> {
  const { end } = await iperf(lab, address, ['-t', String(seconds), '-u', '-b', '0', '-l', '64']);
  return (end.sum.packets - end.sum.lost_packets) / end.sum.seconds / 1000;
}

/** As far as it is looked at here. */
interface IperfReport {
  readonly error?: string;
  readonly end: {
    readonly cpu_utilization_percent: { readonly host_total: number };
    readonly sum_sent: { readonly seconds: number };
    readonly sum_received: { readonly bytes: number; readonly bits_per_second: number };
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number };
  };
}

async function iperf(lab: Lab, address: string, args: readonly string[]): Promise<IperfReport> {
  const run = async () => {
    const { stdout } = await lab.exec(lab.hosts[0], ['iperf3', '-c', address, '-J', ...args], { timeoutMs: 60_000 });
    return JSON.parse(stdout) as IperfReport;
  };
  let report = await run();
  // Its server may not be there yet, or not be done with the one before. With -J its exit code is 0 all the same.
  for (let tries = 0; report.error !== undefined && tries < 100; tries++) {
    await delay(100);
    report = await run();
  }
  if (report.error !== undefined) throw new Error(`iperf3 ${args.join(' ')}: ${report.error}`);
  return report;
}

/** Round trips, µs. */
async function ping(lab: Lab, address: string): Promise<number[]> {
  const pings = ['ping', '-n', '-i', String(PING_EVERY / 1000), '-c', String(PINGS), address];
  const { stdout } = await lab.exec(lab.hosts[0], pings, { timeoutMs: 60_000 });
  return [...stdout.matchAll(/time=([\d.]+)/g)].map((match) => Number(match[1]) * 1000);
}
