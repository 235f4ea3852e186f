/** Ports of the node that lead to pods: whom they are taken from. Pure. */
import { type Finding, warn } from './finding.js';
import type { HostPortFacts } from './machine-facts.js';

export function hostPorts(facts: readonly HostPortFacts[]): Finding[] {
  return facts.flatMap(({ protocol, port, pods, listened }) => {
    const name = `${protocol.toUpperCase()} port ${port} of this node`;
    const [first, ...others] = pods;
    const shared = warn(
      'host ports',
      `${name} is asked for by ${pods.join(' and ')}: it leads to ${first} alone`,
      'attach the others with another hostPort',
    );
    const shadowed = warn(
      'host ports',
      `${name} leads to ${first}, and a program of the node listens there: it is reached at 127.0.0.1 alone`,
      `attach the pod with another hostPort, or end what 'ss -${protocol === 'tcp' ? 'lntp' : 'lnup'} sport = :${port}' shows`,
    );
    return [...(others.length > 0 ? [shared] : []), ...(listened ? [shadowed] : [])];
  });
}
