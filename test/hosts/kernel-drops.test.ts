/**
 * What the kernel drops before podwire sees it is counted: of a known number of datagrams each was delivered or is in a
 * counter. A worker is stopped, so that its queue runs full.
 */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ApiClient } from '../../src/api/client.js';
import { dropLabels } from '../../src/api/metrics.js';
import type { CounterReading } from '../../src/control/node-api.js';
import { COUNTER_NAMES } from '../../src/core/counters.js';
import { Lab } from '../../src/lab/lab.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import { ping } from '../../src/lab/tools.js';
import { receiveFlood, sendFlood } from './flood.js';
import { koffiSkip, labSkip, needs } from './lab.js';

/** Beyond what the TUN queue (500 packets) and the socket (8 MiB as the kernel counts) hold. */
const COUNT = 12_000;
const BYTES = 1200;
/** A device's reports of multicast groups, which go nowhere, are sent within this time, ms. */
const FIRST_WORDS = 2_500;

const skip = labSkip() || needs('ping', 'iputils-ping');

type Readings = { readonly alpha: CounterReading; readonly bravo: CounterReading };

interface FloodResult extends Readings {
  /** Datagrams that were sent and did not come. */
  readonly lost: number;
  /** In drop counters of both nodes, and at the receiving program's own socket. */
  readonly counted: number;
  readonly duplicates: number;
}

/** Two nodes, and floods from a pod of the one to a pod of the other. */
class Flood {
  readonly lab: Lab;
  readonly alpha: RunningPodwire;
  readonly bravo: RunningPodwire;

  private constructor(lab: Lab, [alpha, bravo]: readonly RunningPodwire[]) {
    this.lab = lab;
    this.alpha = alpha;
    this.bravo = bravo;
  }

  static async between(options: {
    name: string;
    native: 'on' | 'io' | 'off';
    underlay: 4 | 6 | 46;
    workers: number;
    udpGro: 'auto' | 'off';
  }): Promise<Flood> {
    const { name, native, underlay, workers, udpGro } = options;
    const lab = await Lab.create({ name, hosts: 2, underlay });
    try {
      const start = { env: { PODWIRE_NATIVE: native }, config: { workers, offload: { udpGro } } };
      const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host, start)));
      const [from, to] = lab.hosts.map(({ pods: [pod] }) => pod);
      // Neighbours are found, paths are open.
      for (const address of to.addresses) while ((await ping(lab, from, address)) === undefined);
      await delay(FIRST_WORDS);
      return new Flood(lab, nodes);
    } catch (error) {
      await lab.destroy();
      throw error;
    }
  }

  /** @param frozen a node that stands still until all is sent */
  async run({
    family,
    frozen,
    count = COUNT,
    bytes = BYTES,
    pauseMs = 1,
  }: {
    family: 4 | 6;
    frozen?: RunningPodwire;
    count?: number;
    bytes?: number;
    pauseMs?: number;
  }): Promise<FloodResult> {
    const [from, to] = this.lab.hosts.map(({ pods: [pod] }) => pod);
    const address = to.addresses[family === 4 ? 0 : 1];
    const before = await this.#settled();
    const receiver = await receiveFlood(this.lab, to, address);
    frozen?.process.kill('SIGSTOP');
    const sent = await sendFlood(this.lab, from, address, { count, bytes, pauseMs });
    frozen?.process.kill('SIGCONT');
    const after = await this.#settled();
    const { received, duplicates, dropped } = await receiver.end();
    const alpha = difference(after.alpha, before.alpha);
    const bravo = difference(after.bravo, before.bravo);
    const lost = sent - received;
    return { alpha, bravo, lost, counted: drops(alpha) + drops(bravo) + dropped, duplicates };
  }

  /** The counters, once nothing moves. */
  async #settled(): Promise<Readings> {
    let last = '';
    for (;;) {
      const [alpha, bravo] = await Promise.all(
        [this.alpha, this.bravo].map(({ socket }) => new ApiClient(socket).counters()),
      );
      const now = JSON.stringify([alpha, bravo]);
      if (now === last) return { alpha, bravo };
      last = now;
      await delay(100);
    }
  }
}

function difference(now: CounterReading, before: CounterReading): CounterReading {
  return Object.fromEntries(COUNTER_NAMES.map((name) => [name, now[name] - before[name]])) as CounterReading;
}

/** All but multicast, which is the kernel's own. */
const DROPS = COUNTER_NAMES.filter((name) => dropLabels(name) && name !== 'tx_martian');

function drops(reading: CounterReading): number {
  return DROPS.reduce((sum, name) => sum + reading[name], 0);
}

/** What was lost where. */
function words({ lost, alpha, bravo }: FloodResult): string {
  const named = ([node, reading]: [string, CounterReading]) =>
    DROPS.filter((name) => reading[name] > 0).map((name) => `${node} ${name} ${reading[name]}`);
  return [`${lost} lost`, ...named(['alpha', alpha]), ...named(['bravo', bravo])].join(', ');
}

const cases = [
  { native: 'on', underlay: 4, workers: 2 },
  { native: 'io', underlay: 46, workers: 1 },
  { native: 'off', underlay: 6, workers: 1 },
] as const;

for (const { native, underlay, workers } of cases) {
  const title = `native ${native}, underlay ${underlay}, ${workers} workers: each datagram is delivered or counted`;
  t.test(title, { skip: skip || (native === 'off' && koffiSkip()) }, async (t) => {
    // Without GRO the kernel counts datagrams; with it, messages.
    const flood = await Flood.between({ name: `drops${native}`, native, underlay, workers, udpGro: 'off' });
    t.teardown(() => flood.lab.destroy());
    const { alpha, bravo } = flood;
    for (const family of [4, 6] as const) {
      const atDevice = await flood.run({ family, frozen: alpha });
      t.equal(atDevice.lost, atDevice.counted, `IPv${family}, sender frozen: ${words(atDevice)}`);
      t.ok(atDevice.alpha.kernel_tun_queue_full > COUNT / 2, "most of them found the device's queue full");
      t.equal(atDevice.duplicates, 0);

      const atSocket = await flood.run({ family, frozen: bravo });
      t.equal(atSocket.lost, atSocket.counted, `IPv${family}, receiver frozen: ${words(atSocket)}`);
      t.ok(atSocket.bravo.kernel_socket_buffer_full > COUNT / 4, 'many of them found the socket full');
      t.equal(atSocket.duplicates, 0);

      const atFullRate = await flood.run({ family, pauseMs: 0, bytes: 64, count: 3 * COUNT });
      t.equal(atFullRate.lost, atFullRate.counted, `IPv${family}, nobody frozen, at full rate: ${words(atFullRate)}`);
    }
    for (const node of [alpha, bravo]) {
      const metrics = await new ApiClient(node.socket).metrics();
      const { kernel_tun_queue_full: full } = await new ApiClient(node.socket).counters();
      t.match(metrics, `podwire_dropped_total{direction="kernel",reason="tun_queue_full"} ${full}\n`);
    }
  });
}

t.test('with GRO a lost message of many datagrams is counted once', { skip }, async (t) => {
  const flood = await Flood.between({ name: 'dropsgro', native: 'on', underlay: 4, workers: 1, udpGro: 'auto' });
  t.teardown(() => flood.lab.destroy());
  const { lost, counted, bravo } = await flood.run({ family: 4, frozen: flood.bravo, bytes: 64, count: 5 * COUNT });
  const messages = bravo.kernel_socket_buffer_full;
  const others = counted - messages;
  t.ok(
    messages > 0 && lost - others >= messages && lost - others <= 64 * messages,
    `${lost} lost, ${messages} messages`,
  );
});
