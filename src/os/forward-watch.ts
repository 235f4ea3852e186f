/**
 * Packet filters of others that drop what pods need forwarded, as `iptables -P FORWARD DROP` does, which docker sets. Looked at
 * behind an ADD, never by it, and now and then at most; told when it changes, not once a pod.
 */
import { firewall } from '../control/check-network.js';
import type { PlacedConfig } from '../control/config/node-config.js';
import type { EventLog } from '../control/membership/events.js';
import { addressIn } from '../core/underlay.js';
import { type Family, formatAddress } from '../wire/address.js';
import { type Firewall, readFirewall } from './firewall.js';
import {
  type BesidePod,
  besideQuestions,
  firewallQuestions,
  type OutsidePod,
  outsideQuestions,
} from './firewall-questions.js';
import { ipQuery } from './ip-batch.js';
import type { IpInterface } from './observe.js';
import { readSysctl } from './sysctl.js';

/** From an ADD to the look: its programs, and those of pods that come together with it, have run by then, ms. */
const SOON = 1_000;
/** Between two looks, ms. */
const APART = 60_000;
/** One of many devices tells as much as all. */
const MOST_DEVICES = 4;

const UNREAD =
  "the older iptables has rules here that the agent may not read: 'podwire check' as root says whether they drop packets of pods";

export interface Forwarding {
  readonly config: PlacedConfig;
  readonly pods: readonly (OutsidePod & BesidePod)[];
  /** What was seen with more rights, when the node started. */
  readonly before: Firewall | undefined;
}

export class ForwardWatch {
  readonly #events: EventLog;
  /** What is to be forwarded at present; undefined: nothing. */
  readonly #current: () => Forwarding | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #told: ReadonlySet<string> = new Set();
  #unreadTold = false;

  constructor(events: EventLog, current: () => Forwarding | undefined) {
    this.#events = events;
    this.#current = current;
  }

  /** A pod came. Returns at once. */
  podCame(): void {
    if (this.#timer) return;
    const wait = Math.max(SOON, this.#lookedAt + APART - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#lookedAt = performance.now();
      this.#look();
    }, wait);
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const forwarding = this.#current();
    const read = forwarding && (await forwardProblems(forwarding));
    if (!read) return;
    const { found, unread } = read;
    if (unread && !this.#unreadTold) {
      this.#unreadTold = true;
      this.#events.tell('forward-unread', UNREAD);
    }
    for (const words of found.filter((one) => !this.#told.has(one))) this.#events.tell('forward-refused', words);
    if (found.length === 0 && this.#told.size > 0) {
      this.#events.tell('forward-open', 'no packet filter of others drops packets of pods any more');
    }
    this.#told = new Set(found);
  }
}

/** In words, each with the command that mends it; undefined: the filters cannot be read. */
async function forwardProblems({
  config,
  pods,
  before,
}: Forwarding): Promise<{ found: string[]; unread: boolean } | undefined> {
  const uplinks = await underlayDevices(config);
  const devices = [...new Set(pods.map(({ device }) => device))].slice(0, MOST_DEVICES);
  const questions = [
    ...firewallQuestions(config, uplinks, devices),
    ...outsideQuestions(pods, uplinks),
    ...besideQuestions(pods, await bridgedFamilies()),
  ];
  const found = await readFirewall(questions.filter(({ hook }) => hook === 'forward'));
  if (!found) return undefined;
  const unread = found.legacyUnread === true;
  const earlier =
    unread && before ? problemsIn(config, onlyLegacy(before)).map((words) => `at the start ${words}`) : [];
  return { found: [...problemsIn(config, found), ...earlier], unread };
}

function problemsIn(config: PlacedConfig, found: Firewall): string[] {
  return firewall(config, { firewall: found, invalidPackets: 0 })
    .filter(({ level }) => level === 'warn')
    .map(({ message, mend }) => `${message}: ${mend}`);
}

function onlyLegacy({ chains, obstacles }: Firewall): Firewall {
  const legacy = ({ where }: { readonly where: string }) => !where.startsWith('nft ');
  return {
    chains: chains.filter((chain) => chain.hook === 'forward' && legacy(chain)),
    obstacles: obstacles.filter(
      (one) => (one.traffic === 'pods' || one.traffic === 'beside') && one.kind === 'drop' && legacy(one),
    ),
  };
}

async function underlayDevices({ underlay }: PlacedConfig): Promise<(family: Family) => string | undefined> {
  const [links = []] = (await ipQuery(['address show']).catch(() => [])) as (readonly IpInterface[] | undefined)[];
  return (family) => {
    const address = addressIn(underlay, family);
    const text = address && formatAddress(address);
    return links.find(({ addr_info }) => addr_info.some(({ local }) => local === text))?.ifname;
  };
}

/** Families whose packets pass the filters of IP on a bridge too (br_netfilter). */
export async function bridgedFamilies(): Promise<Family[]> {
  const on = async (name: string) => (await readSysctl(`net/bridge/${name}`)) === '1';
  const [ipv4, ipv6] = await Promise.all([on('bridge-nf-call-iptables'), on('bridge-nf-call-ip6tables')]);
  return [...(ipv4 ? [4 as const] : []), ...(ipv6 ? [6 as const] : [])];
}
