/**
 * The matrix: one podwire node against each kind of peer, over each kind of network, under each kind of load. The test
 * holds its cells, and docs/interoperability.md is made from it (`npm run matrix`).
 *
 * Pods have the underlay's MTU, larger than what is left inside: so packets too big for the tunnel really come to the
 * nodes, and TCP fits only if its segment size is clamped.
 */
import { type KernelPeer, startKernelPeer } from './kernel-vxlan.js';
import { Lab } from './lab.js';
import type { Laboratory, LabPod } from './plan.js';
import { datagrams, startDatagramEcho, transfer } from './tools.js';

export type PeerKind = 'podwire' | KernelPeer;
export const PEER_KINDS: readonly PeerKind[] = ['podwire', 'static', 'plain'];

/** What is tried, both ways where it has a direction. */
export const LOADS = {
  small: 'ping, 56 bytes',
  full: 'ping as large as the tunnel takes, DF',
  oversize: 'ping larger than the tunnel takes, DF: the sender is told, and learns the MTU',
  fragmented: 'ping of 4,000 bytes without DF',
  tcpTo: 'TCP to the peer, content compared',
  tcpFrom: 'TCP from the peer, content compared',
  udp: 'UDP datagrams of 4,000 bytes there and back, content compared',
} as const;
export type Load = keyof typeof LOADS;

/** One network, and what moves the bytes of the podwire node. */
export interface Setting {
  readonly outer: 4 | 6;
  readonly laboratory: Laboratory;
  /** `PODWIRE_NATIVE`. */
  readonly native: 'on' | 'io' | 'off';
}

export interface Cell extends Setting {
  readonly peer: PeerKind;
  readonly inner: 4 | 6;
  readonly load: Load;
  /** Empty: it works; else what was seen. */
  readonly trouble: string;
}

const TRANSFER_MS = 150;
const BIG = 4000;
const DATAGRAMS = 10;
/** Bytes of IP and ICMP headers before a ping's payload. */
const PING_HEADERS = { 4: 28, 6: 48 } as const;
const UNDERLAY_MTU = 1500;

/** Tries all loads against all kinds of peers in one setting, in a lab of its own. */
export async function trySetting(setting: Setting): Promise<Cell[]> {
  const { outer, laboratory, native } = setting;
  const name = `matrix${outer}${laboratory}${native}`;
  // A pod of the own node for each peer, so that all are tried at once.
  const [hosts, pods] = [1 + PEER_KINDS.length, PEER_KINDS.length];
  const lab = await Lab.create({ name, hosts, pods, underlay: outer, laboratory, podMtu: UNDERLAY_MTU });
  try {
    const [own, ...others] = lab.hosts;
    const env = { PODWIRE_NATIVE: native };
    await Promise.all(
      PEER_KINDS.map((kind, i) =>
        kind === 'podwire' ? lab.startPodwire(others[i], { env }) : startKernelPeer(others[i], kind, [own]),
      ),
    );
    await lab.startPodwire(own, { env });
    const results = await Promise.all(
      PEER_KINDS.map((kind, i) => tryPeer(lab, own.pods[i], others[i].pods[0], outer, kind)),
    );
    return results.flat().map((result) => ({ ...setting, ...result }));
  } finally {
    await lab.destroy();
  }
}

type Result = Omit<Cell, keyof Setting>;

async function tryPeer(lab: Lab, own: LabPod, other: LabPod, outer: 4 | 6, peer: PeerKind): Promise<Result[]> {
  await startDatagramEcho(lab, other);
  const results: Result[] = [];
  for (const inner of [4, 6] as const) {
    const trial = new Trial(lab, own, other, inner, lab.plan.mtu - (outer === 4 ? 50 : 70));
    for (const load of Object.keys(LOADS) as Load[]) results.push({ peer, inner, load, trouble: await trial[load]() });
  }
  return results;
}

/** Each method tries one load, and says what went wrong. */
class Trial implements Record<Load, () => Promise<string>> {
  readonly #lab: Lab;
  readonly #own: LabPod;
  readonly #other: LabPod;
  readonly #inner: 4 | 6;
  /** The largest IP packet that the tunnel takes, bytes. */
  readonly #mtu: number;

  constructor(lab: Lab, own: LabPod, other: LabPod, inner: 4 | 6, mtu: number) {
    this.#lab = lab;
    this.#own = own;
    this.#other = other;
    this.#inner = inner;
    this.#mtu = mtu;
  }

  small(): Promise<string> {
    return this.#bothWays('-c', '2', '-i', '0.2', '-s', '56');
  }

  full(): Promise<string> {
    return this.#bothWays('-c', '2', '-i', '0.2', '-M', 'do', '-s', String(this.#mtu - PING_HEADERS[this.#inner]));
  }

  /** The first is answered with an ICMP error, and from then on the pod's kernel knows the path. */
  async oversize(): Promise<string> {
    const troubles = await Promise.all(
      this.#directions().map(async ([from, to]) => {
        const address = this.#address(to);
        const size = String(this.#mtu - PING_HEADERS[this.#inner] + 1);
        await this.#lab.exec(from, ['ping', '-n', '-c', '2', '-i', '0.3', '-W', '1', '-M', 'do', '-s', size, address]);
        const route = await this.#lab.exec(from, ['ip', 'route', 'get', address]);
        const learned = /\bmtu (\d+)/.exec(route.stdout)?.[1];
        return learned === String(this.#mtu) ? '' : `${from.name} was told ${learned ?? 'nothing'}, not ${this.#mtu}`;
      }),
    );
    return troubles.filter(Boolean).join('; ');
  }

  fragmented(): Promise<string> {
    return this.#bothWays('-c', '2', '-i', '0.2', '-M', 'dont', '-s', String(BIG));
  }

  tcpTo(): Promise<string> {
    return this.#transfer(this.#own, this.#other);
  }

  tcpFrom(): Promise<string> {
    return this.#transfer(this.#other, this.#own);
  }

  async udp(): Promise<string> {
    const { sent, intact, damaged } = await datagrams(this.#lab, this.#own, this.#address(this.#other), DATAGRAMS, BIG);
    return intact === sent && damaged === 0 ? '' : `${intact} of ${sent} came back, ${damaged} damaged`;
  }

  async #transfer(from: LabPod, to: LabPod): Promise<string> {
    const result = await transfer(this.#lab, from, to, this.#inner, TRANSFER_MS);
    if (result === undefined) return 'no transfer came to an end';
    return result.intact ? '' : `${result.received.bytes} of ${result.sent.bytes} bytes, or other ones`;
  }

  async #bothWays(...options: string[]): Promise<string> {
    const troubles = await Promise.all(
      this.#directions().map(async ([from, to]) => {
        const ping = await this.#lab.exec(from, ['ping', '-n', '-W', '1', ...options, this.#address(to)]);
        return ping.code === 0
          ? ''
          : `${from.name}: ${/\d+% packet loss/.exec(ping.stdout)?.[0] ?? ping.stderr.trim()}`;
      }),
    );
    return troubles.filter(Boolean).join('; ');
  }

  #directions(): [LabPod, LabPod][] {
    return [
      [this.#own, this.#other],
      [this.#other, this.#own],
    ];
  }

  #address(pod: LabPod): string {
    return pod.addresses[this.#inner === 4 ? 0 : 1];
  }
}
