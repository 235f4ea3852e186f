/** Ports of the node that lead to pods, and programs that listen at them. */
import { readFile } from 'node:fs/promises';
import type { HostPortFacts } from '../control/machine-facts.js';
import type { PodRecord } from '../pods/pod-record.js';

/** States of <net/tcp_states.h> in which a socket waits for whoever comes; UDP has no state of its own for it. */
const WAITS = { tcp: '0A', udp: '07' } as const;
/** As the files write addresses: words in the byte order of the machine. */
const LOOPBACK = /^[0-9A-F]{6}7F$|^0{24}01000000$/;

export async function readHostPorts(pods: readonly PodRecord[]): Promise<HostPortFacts[]> {
  const asked = new Map<string, { protocol: 'tcp' | 'udp'; port: number; pods: string[] }>();
  for (const { pod, containerId, ports } of pods) {
    for (const { protocol, hostPort, hostIP } of ports) {
      if (protocol === 'sctp') continue;
      const key = `${protocol} ${hostPort} ${hostIP ?? ''}`;
      const one = asked.get(key) ?? { protocol, port: hostPort, pods: [] };
      asked.set(key, one);
      one.pods.push(pod ?? containerId.slice(0, 12));
    }
  }
  if (asked.size === 0) return [];
  const read = (name: string) => readFile(`/proc/self/net/${name}`, 'utf8').catch(() => '');
  const [tcp, tcp6, udp, udp6] = await Promise.all(['tcp', 'tcp6', 'udp', 'udp6'].map(read));
  const waiting = {
    tcp: new Set([...listening(tcp ?? '', 'tcp'), ...listening(tcp6 ?? '', 'tcp')]),
    udp: new Set([...listening(udp ?? '', 'udp'), ...listening(udp6 ?? '', 'udp')]),
  };
  return [...asked.values()].map((one) => ({ ...one, listened: waiting[one.protocol].has(one.port) }));
}

/** Ports of /proc/net/tcp and its like at which somebody waits for what comes from elsewhere. */
export function listening(text: string, protocol: 'tcp' | 'udp'): number[] {
  return text.split('\n').flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address = '', port] = local.split(':');
    return state === WAITS[protocol] && port && !LOOPBACK.test(address) ? Number.parseInt(port, 16) : [];
  });
}
