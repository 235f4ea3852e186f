/**
 * The Kubernetes network model, tried: three hosts that share no L2, on each a pod of every attachment, and on the first two.
 * Everybody asks everybody which address it sees; whoever is not seen under the address that it has itself fails.
 *
 * | rule               | what the model says                                                                  |
 * |--------------------|--------------------------------------------------------------------------------------|
 * | `pod to pod`       | pods reach all pods, on any node, without NAT                                        |
 * | `node to pod`      | a node reaches all pods, without NAT                                                 |
 * | `pod to node`      | and they reach it, at its address in the overlay and at the one below                |
 * | `pod to itself`    | the address that a pod sees itself as is the one that others see                     |
 * | `inside a pod`     | its containers share one network: they meet on loopback                              |
 */
import { attach, type Container, containers } from './containers.js';
import { Lab } from './lab.js';
import type { LabHost, Place } from './plan.js';
import type { RunningPodwire } from './podwire.js';
import { ask, startEcho } from './tools.js';

export const RULES = ['pod to pod', 'node to pod', 'pod to node', 'pod to itself', 'inside a pod'] as const;
export type Rule = (typeof RULES)[number];

/** One connection that was tried. */
export interface Trial {
  readonly rule: Rule;
  /** Who asked: a node, or a pod as `node/attachment`. */
  readonly from: string;
  readonly to: string;
  /** That was asked. */
  readonly address: string;
  /** That the other saw; empty: there was no answer. */
  readonly seen: string;
  readonly expected: string;
  readonly ok: boolean;
}

const ATTACH = ['bridge', 'ptp', 'device'] as const;
export type Attach = (typeof ATTACH)[number];

interface Party {
  readonly place: Place;
  readonly name: string;
  readonly pod: boolean;
  /** IPv4 and IPv6, in the overlay. */
  readonly addresses: readonly string[];
  /** Below it. */
  readonly underlay?: readonly string[];
}

/** @throws PodwireError MACHINE: a host or a pod could not be made; nothing is left */
export async function tryModel(attachments: readonly Attach[] = ATTACH): Promise<Trial[]> {
  const lab = await Lab.create({ name: 'conformance', hosts: 3, pods: 0, underlay: 46 });
  try {
    const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
    const parties = (
      await Promise.all(nodes.map((node, i) => partiesOn(lab, node, attachments, i === 0 ? 2 : 1)))
    ).flat();
    await Promise.all(parties.map(({ place }) => startEcho(lab, place)));
    const trials: Trial[] = [];
    // One after the other: the time that a connection may take is that of a network, not of a crowd.
    for (const party of parties) trials.push(...(await trialsOf(lab, party, parties)));
    return trials;
  } finally {
    await lab.destroy();
  }
}

async function partiesOn(
  lab: Lab,
  node: RunningPodwire,
  attachments: readonly Attach[],
  count: number,
): Promise<Party[]> {
  const { host } = node;
  const underlays = host.uplinks.map(({ underlay }) => underlay);
  const [four, six] = host.podCidr.map((subnet) => subnet.split('/')[0]);
  const parties: Party[] = [
    { place: host, name: host.name, pod: false, addresses: [four, `${six}2`], underlay: underlays },
  ];
  for (const attachment of attachments) {
    const names = Array.from({ length: count }, (_, i) => `${attachment}${i + 1}`);
    for (const container of await containers(lab, host, ...names)) {
      const config = attachment === 'device' ? await veth(lab, host, container) : { attach: attachment };
      const { addresses } = await attach(lab, node, container, { config });
      parties.push({ place: container, name: `${host.name}/${attachment}`, pod: true, addresses });
    }
  }
  return parties;
}

/** A device to hand over, in the place of a network card's virtual function. */
async function veth(lab: Lab, host: LabHost, { id }: Container) {
  const name = `vf${id.slice(-1)}`;
  await lab.exec(host, ['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`]);
  return { attach: 'device', device: name };
}

async function trialsOf(lab: Lab, from: Party, parties: readonly Party[]): Promise<Trial[]> {
  const targets = parties.flatMap((to) => targetsOf(from, to));
  if (from.pod) {
    for (const loopback of ['127.0.0.1', '::1']) {
      targets.push({ rule: 'inside a pod', to: from.name, address: loopback, expected: loopback });
    }
  }
  const answers = await ask(
    lab,
    from.place,
    targets.map(({ address }) => address),
  );
  return targets.map((target, i) => {
    const { seen } = answers[i];
    return { ...target, from: from.name, seen, ok: seen === target.expected };
  });
}

function targetsOf(from: Party, to: Party): Omit<Trial, 'from' | 'seen' | 'ok'>[] {
  if (!from.pod && !to.pod) return [];
  const rule = from === to ? 'pod to itself' : !from.pod ? 'node to pod' : to.pod ? 'pod to pod' : 'pod to node';
  const addresses = [...to.addresses, ...(to.underlay ?? [])];
  return addresses.map((address) => ({
    rule,
    to: to.name,
    address,
    expected: from.addresses[address.includes(':') ? 1 : 0],
  }));
}
