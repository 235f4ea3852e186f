/** The packet filters that are made of all pods (guard.ts, macvlan-guard.ts, nat.ts), in the kernel. */
import type { Prefix } from '../wire/address.js';
import { isSibling } from './device-name.js';
import { GUARD_FAMILY, GUARD_TABLE, guardText } from './guard.js';
import type { PodKernel } from './kernel.js';
import { macvlanText } from './macvlan-guard.js';
import { natText, needsNat } from './nat.js';
import { addressesIn } from './network-parts.js';
import type { PodRecord } from './pod-record.js';
import type { PodTable } from './pod-table.js';

const TABLE = `${GUARD_FAMILY} ${GUARD_TABLE}`;

export class PodFilters {
  readonly #kernel: PodKernel;
  readonly #table: PodTable;
  readonly #clusterCidr: readonly Prefix[];
  readonly #tun: string;

  /** @param tun name of the TUN device */
  constructor(kernel: PodKernel, table: PodTable, clusterCidr: readonly Prefix[], tun: string) {
    this.#kernel = kernel;
    this.#table = table;
    this.#clusterCidr = clusterCidr;
    this.#tun = tun;
  }

  /** Every chain anew: what an earlier life left, and what others may have changed. */
  async renewAll(): Promise<void> {
    const there = new Set((await this.#kernel.links()).map(({ name }) => name));
    const guarded = this.#table.records().filter(({ device, shared }) => there.has(device) && !shared);
    const chains = guarded.map((record) => guardText(record.device, record.mac, addressesIn(record)));
    await this.#kernel.filter([`add table ${TABLE}`, `delete table ${TABLE}`, ...chains, ''].join('\n'));
    await this.renewNat();
    await this.renewMacvlan();
  }

  async renewMacvlan(): Promise<void> {
    const links = await this.#kernel.links();
    await this.#kernel.filter(macvlanText(this.#table.records(), links, this.#clusterCidr, this.#table.subnets));
  }

  renewNat(): Promise<void> {
    return this.#kernel.filter(natText(this.#table.records(), this.#clusterCidr, this.#tun));
  }

  /** Towards macvlan pods nobody is hidden. */
  concernsNat(record: PodRecord): boolean {
    return needsNat(record) || (record.underlay !== undefined && this.#table.records().some(needsNat));
  }

  /** Where there are no pods. @returns the node's macvlans beside those that were */
  async remove(): Promise<string[]> {
    const guard = await this.#kernel.filterTable(GUARD_FAMILY, GUARD_TABLE);
    if (guard !== undefined) await this.#kernel.filter(`add table ${TABLE}\ndelete table ${TABLE}\n`);
    const siblings = (await this.#kernel.links()).map(({ name }) => name).filter(isSibling);
    if (siblings.length > 0) await this.#kernel.filter(macvlanText([], [], [], []));
    return siblings;
  }
}
