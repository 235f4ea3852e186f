/**
 * The network model (model.ts), tried in a laboratory: three hosts that share no L2, on each a pod of every attachment, and
 * on the first two; macvlan on hosts that share one, beside pods of the overlay. Everybody asks everybody which address it
 * sees; whoever is not seen under the address that it has itself fails.
 */
import { attach, type Container, containers } from './containers.js';
import { Lab } from './lab.js';
import { type Party, questionsOf, type Trial, trialsOf } from './model.js';
import type { Place } from './plan.js';
import type { RunningPodwire } from './podwire.js';
import { ask, startEcho } from './tools.js';

export const ATTACH = ['bridge', 'ptp', 'macvlan', 'device'] as const;
export type Attach = (typeof ATTACH)[number];

interface Placed extends Party {
  readonly place: Place;
}

/** @throws PodwireError MACHINE: a host or a pod could not be made; nothing is left */
export async function tryModel(attachments: readonly Attach[] = ATTACH): Promise<Trial[]> {
  const apart = attachments.filter((one) => one !== 'macvlan');
  return [
    ...(apart.length > 0 ? await tryOn(false, apart) : []),
    ...(attachments.includes('macvlan') ? await tryOn(true, ['bridge', 'macvlan']) : []),
  ];
}

async function tryOn(sharedL2: boolean, attachments: readonly Attach[]): Promise<Trial[]> {
  const lab = await Lab.create({ name: 'conformance', hosts: 3, pods: 0, underlay: 46, sharedL2 });
  try {
    const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
    const made = nodes.map((node, i) => partiesOn(lab, node, attachments, i === 0 ? 2 : 1));
    const parties = (await Promise.all(made)).flat();
    await Promise.all(parties.map(({ place }) => startEcho(lab, place)));
    const trials: Trial[] = [];
    // One after the other: the time that a connection may take is that of a network, not of a crowd.
    for (const party of parties) {
      const questions = questionsOf(party, parties);
      const answers = await ask(
        lab,
        party.place,
        questions.map(({ address }) => address),
      );
      trials.push(
        ...trialsOf(
          questions,
          answers.map(({ seen }) => seen),
        ),
      );
    }
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
): Promise<Placed[]> {
  const { host } = node;
  const underlays = host.uplinks.map(({ underlay }) => underlay);
  const [four, six] = host.podCidr.map((subnet) => subnet.split('/')[0]);
  const parties: Placed[] = [{ place: host, node: host.name, addresses: [four, `${six}2`], underlays }];
  for (const attachment of attachments) {
    const names = Array.from({ length: count }, (_, i) => `${attachment}${i + 1}`);
    for (const container of await containers(lab, host, ...names)) {
      const config = await configOf(lab, attachment, container);
      const { addresses, json } = await attach(lab, node, container, { config });
      const networks = attachment === 'macvlan' ? (json.ips ?? []).map(({ address }) => address) : undefined;
      const more = networks && { networks };
      parties.push({ place: container, node: host.name, attach: attachment, addresses, underlays, ...more });
    }
  }
  return parties;
}

async function configOf(lab: Lab, attach: Attach, { host, id }: Container) {
  if (attach === 'macvlan') return { attach, range: rangeOf(lab.hosts.indexOf(host) + 1) };
  if (attach !== 'device') return { attach };
  // A device to hand over, in the place of a network card's virtual function.
  const name = `vf${id.slice(-1)}`;
  await lab.exec(host, ['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`]);
  return { attach, device: name };
}

/** Of a lab's shared subnet, for the macvlan pods of host 1, 2, …: sixteen addresses each. */
export function rangeOf(number: number): string[] {
  return [`10.101.0.${number * 16 + 48}/28`, `fd00:101::${number}:0/124`];
}
