/** What the first look of a new life finds: which pods are whole, which half made, and which devices nobody remembers. Pure. */
import { parseAddress } from '../wire/address.js';
import { ALIAS } from './attach/parts.js';
import { DEVICE_NAME, deviceName } from './device-name.js';
import type { Reading } from './journal.js';
import type { NodeLink } from './kernel.js';
import { ATTACHMENTS, type PodRecord, podKey } from './pod-record.js';
import type { PodTable } from './pod-table.js';

export interface Recovery {
  /** Remembered as begun: to be taken back. */
  readonly halfMade: readonly PodRecord[];
  /** Devices of pods that nobody remembers: to be removed. */
  readonly unknown: readonly string[];
  /** What people should know. */
  readonly words: readonly string[];
}

/**
 * Fills the table with what is remembered; no program has to be asked for that.
 * @param now ms since 1970
 * @returns what people should know
 */
export function replay(table: PodTable, reading: Reading, boot: string, now: number): string[] {
  const remembered = table.replay(reading.entries);
  if (remembered === undefined || remembered === boot) return [];
  const before = [...table.pods()];
  for (const { record } of before) table.gone(podKey(record), now);
  if (before.length === 0) return [];
  return [`the machine was booted: ${before.length} pods of before are gone, their addresses rest`];
}

/** Holds the table against the devices, which tell what a damaged journal does not. */
export function compare(table: PodTable, reading: Reading, links: readonly NodeLink[]): Recovery {
  const words: string[] = [];
  if (reading.damaged.length > 0) {
    const adopted = adopt(table, links);
    if (adopted.length > 0) words.push(`taken over from their devices: ${adopted.join(', ')}`);
  }
  const halfMade = [...table.pods()].filter(({ whole }) => !whole).map(({ record }) => record);
  if (halfMade.length > 0)
    words.push(`${halfMade.length} half-made pods are taken back: ${halfMade.map(podKey).join(', ')}`);
  const unknown = unknownDevices(table, links);
  if (unknown.length > 0) words.push(`devices of pods that nobody remembers are removed: ${unknown.join(', ')}`);
  return { halfMade, unknown, words };
}

/** Devices that bear our name and belong to no pod. */
export function unknownDevices(table: PodTable, links: readonly NodeLink[]): string[] {
  const known = new Set([...table.pods()].map(({ record }) => record.device));
  return links
    .filter(
      ({ name, alias }) =>
        DEVICE_NAME.test(name) && !known.has(name) && (alias === undefined || alias.startsWith(ALIAS)),
    )
    .map(({ name }) => name);
}

/** The alias of a pod's device says whose it is. Masquerading, ports and the namespace's path it does not say. */
function adopt(table: PodTable, links: readonly NodeLink[]): string[] {
  const adopted: string[] = [];
  for (const { name, alias = '', mtu } of links) {
    const [containerId, ifname, attach, addresses = '', mac = ''] = alias.slice(ALIAS.length + 1).split(' ');
    const known = ATTACHMENTS.find((one) => one === attach);
    if (!alias.startsWith(`${ALIAS} `) || !known || !ifname || !mac) continue;
    const key = podKey({ containerId, ifname });
    const texts = addresses.split(',');
    if (deviceName(key) !== name || table.pod(key) || !texts.every((text) => parseAddress(text))) continue;
    table.making({
      containerId,
      ifname,
      netns: '',
      network: '',
      attach: known,
      device: name,
      mac,
      mtu,
      addresses: texts,
      masquerade: false,
      ports: [],
      since: 0,
    });
    table.whole(key);
    adopted.push(key);
  }
  return adopted;
}
