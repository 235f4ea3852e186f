/** What is not as it was made, in words; the first is what hurts most. Pure. What later plugins of a chain add is theirs. */
import type { PodPlan } from './attachment.js';
import type { CniResult } from './cni/result.js';
import type { NodeLink, PodInterface } from './kernel.js';
import type { PodRecord } from './pod-record.js';

export interface PodFacts {
  readonly record: PodRecord;
  readonly plan: PodPlan;
  /** Of the node. */
  readonly links: readonly NodeLink[];
  /** Undefined: the namespace has no such interface. */
  readonly inside: PodInterface | undefined;
  /** The guard's chain, or table, as text. */
  readonly guard: string | undefined;
  /** Of the whole chain, as the runtime remembers it. */
  readonly previous?: CniResult | undefined;
}

export function podProblems({ record, plan, links, inside, guard, previous }: PodFacts): string[] {
  const problems: string[] = [];
  const say = (wrong: boolean, words: string) => {
    if (wrong) problems.push(words);
  };
  const { ifname, device, addresses } = record;
  if (!inside) problems.push(`the pod has no interface ${ifname}`);
  else {
    say(!inside.up, `${ifname} is down in the pod`);
    for (const address of addresses)
      say(!inside.addresses.includes(address), `${ifname} in the pod does not hold ${address}`);
    for (const route of new Set(plan.routes)) {
      const [has, wanted] = [inside.routes, plan.routes].map((routes) => routes.filter((one) => one === route).length);
      say(has < wanted, `a route to ${route} is missing in the pod`);
    }
  }
  const link = links.find(({ name }) => name === device);
  say(!link, `the node has no device ${device}, which leads to the pod`);
  say(link !== undefined && !link.up, `the node's ${device}, which leads to the pod, is down`);
  const master = record.attach === 'bridge' ? plan.result.interfaces[0]?.name : undefined;
  say(
    link !== undefined && link.master !== master,
    `the node's ${device} is ${master ? `not a port of ${master}` : `a port of ${link?.master}`}`,
  );
  const chain = plan.guarded ?? plan.chain;
  say(
    chain !== undefined && !guard?.includes(`chain ${chain} `),
    `the rules against forged addresses of ${device} are missing`,
  );
  const told = previous?.ips.map(({ address }) => address.split('/')[0]) ?? addresses;
  for (const address of addresses)
    say(!told.includes(address), `prevResult does not name ${address}, which the pod holds`);
  return problems;
}
