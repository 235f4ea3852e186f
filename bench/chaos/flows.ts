/** Who talks to whom in a lab of nodes with a pod each: pure. */
import type { LabHost } from '../../src/lab/plan.js';

export type FlowKind = 'tcp' | 'udp' | 'fragmented' | 'ping';

export interface Flow {
  /** Its place in the list; carried by every packet of its own. */
  readonly id: number;
  readonly kind: FlowKind;
  readonly family: 4 | 6;
  /** Names of hosts. */
  readonly from: string;
  readonly to: string;
  /** Of the pod that it goes to. */
  readonly address: string;
}

/**
 * UDP of both families between any two hosts; TCP to the next in both families; datagrams that take fragments, and
 * pings, to the one after it.
 */
export function planFlows(hosts: readonly LabHost[]): Flow[] {
  const flows: Flow[] = [];
  const add = (kind: FlowKind, family: 4 | 6, from: LabHost, to: LabHost) => {
    const address = to.pods[0].addresses[family === 4 ? 0 : 1];
    flows.push({ id: flows.length, kind, family, from: from.name, to: to.name, address });
  };
  for (const [i, from] of hosts.entries()) {
    const [next, further] = [1, 2].map((step) => hosts[(i + step) % hosts.length]);
    for (const family of [4, 6] as const) {
      for (const to of hosts) if (to !== from) add('udp', family, from, to);
      add('tcp', family, from, next);
    }
    add('fragmented', i % 2 === 0 ? 4 : 6, from, further);
    add('ping', i % 2 === 0 ? 6 : 4, from, further);
  }
  return flows;
}

export function nameOf({ kind, family, from, to }: Flow): string {
  return `${kind} IPv${family} ${from} -> ${to}`;
}
