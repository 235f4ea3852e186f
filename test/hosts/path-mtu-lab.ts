/** What the tests of path MTUs do to a lab with two routers, and see of it. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../../src/api/client.js';
import type { PeerStatus } from '../../src/control/node-api.js';
import type { Lab } from '../../src/lab/lab.js';
import type { LabHost, Place } from '../../src/lab/plan.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import { FAR_PORT, NEAR_PORT } from '../../src/lab/router.js';

export async function must(lab: Lab, where: Place, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.exec(where, argv);
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
  return stdout;
}

/** The MTU of the cable between the routers, at both ends. */
export async function setMiddle(lab: Lab, mtu: number): Promise<void> {
  await must(lab, lab.router, 'ip', 'link', 'set', FAR_PORT, 'mtu', String(mtu));
  await must(lab, lab.far, 'ip', 'link', 'set', NEAR_PORT, 'mtu', String(mtu));
}

/**
 * The MTU of the last hop: what the far router sends to a host. The host's own end stays, so only the router knows; on
 * the way back a virtual cable loses what is larger without a word.
 */
export async function setLast(lab: Lab, host: LabHost, mtu: number): Promise<void> {
  await must(lab, lab.far, 'ip', 'link', 'set', host.name, 'mtu', String(mtu));
}

/** Both routers keep to themselves that a packet was too big. */
export async function swallowIcmp(lab: Lab, swallow: boolean): Promise<void> {
  const rules = [
    'table inet swallow {',
    '  chain out { type filter hook output priority 0;',
    '    icmp type destination-unreachable drop',
    '    icmpv6 type packet-too-big drop',
    '  }',
    '}',
  ].join('\n');
  for (const place of [lab.router, lab.far])
    await must(lab, place, 'nft', swallow ? rules : 'delete table inet swallow');
}

/** What a node says of its only peer, without the start of a process. */
export async function peerOf({ socket }: RunningPodwire): Promise<PeerStatus> {
  const [peer] = await new ApiClient(socket).peers();
  return peer;
}

/** Waits until a node uses this MTU inside towards its peer, confirmed or told. @returns milliseconds it took */
export async function untilMtu(node: RunningPodwire, mtu: number, most = 30_000): Promise<number> {
  const start = performance.now();
  for (;;) {
    const peer = await peerOf(node);
    const ms = performance.now() - start;
    if (peer.mtu === mtu) return ms;
    if (ms > most) throw new Error(`not within ${most} ms: an MTU of ${mtu}; it is ${peer.mtu} (${peer.mtuBy})`);
    await delay(20);
  }
}

/**
 * Watches the bytes that a host sends to its first pod, from now on. `stop` says how long nothing to speak of came, at the
 * worst, and how many bytes came in the last second.
 */
export function watchFlow(node: RunningPodwire): { stop(): Promise<{ worstMs: number; lastSecond: number }> } {
  const { port } = node.host.pods[0];
  const read = () => {
    const line = readFileSync(`/proc/${node.process.pid}/net/dev`, 'utf8').match(new RegExp(`^ *${port}:(.*)$`, 'm'));
    return Number(line?.[1].trim().split(/\s+/)[8]);
  };
  const samples: { at: number; bytes: number }[] = [{ at: performance.now(), bytes: read() }];
  const timer = setInterval(() => samples.push({ at: performance.now(), bytes: read() }), 20);
  return {
    async stop() {
      clearInterval(timer);
      let moved = samples[0];
      let worstMs = 0;
      for (const sample of samples) {
        worstMs = Math.max(worstMs, sample.at - moved.at);
        // Retransmissions of one packet are no flow.
        if (sample.bytes - moved.bytes > 20_000) moved = sample;
      }
      const last = samples[samples.length - 1];
      const before = samples.find(({ at }) => at > last.at - 1000) ?? last;
      return { worstMs, lastSecond: last.bytes - before.bytes };
    },
  };
}

/** What a pod has learned of the way to another, bytes; undefined: nothing. */
async function learned(lab: Lab, from: Place, to: string): Promise<number | undefined> {
  const mtu = /mtu (\d+)/.exec(await must(lab, from, 'ip', 'route', 'get', to))?.[1];
  return mtu === undefined ? undefined : Number(mtu);
}

/**
 * Sends packets that may not be fragmented, as large as the pod believes to pass, until it has learned of this MTU.
 * @returns what it has learned, at the end
 */
export async function learns(lab: Lab, from: Place, to: string, mtu: number): Promise<number | undefined> {
  let known = await learned(lab, from, to);
  for (let tries = 0; tries < 20 && known !== mtu; tries++) {
    const size = (known ?? lab.plan.podMtu) - (to.includes(':') ? 48 : 28);
    await lab.exec(from, ['ping', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', String(size), to]);
    known = await learned(lab, from, to);
  }
  return known;
}
