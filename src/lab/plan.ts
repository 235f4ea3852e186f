/**
 * Who is who in a lab: names and addresses, computed from the options. Nothing is made here.
 *
 * ```
 *   pod eth0 -- pod1 alpha eth0 -- alpha ROUTER bravo -- eth0 bravo pod1 -- eth0 pod
 *   10.244.1.10      10.101.1.2    .1.1         .2.1     10.101.2.2         10.244.2.10
 * ```
 *
 * Each host has a subnet of its own, 10.101.i.0/24 or fd00:101:0:i::/64, and a router port of its own: the hosts share no
 * L2; or one of each. Pods have both families, whatever the underlay is: 10.244.i.10 and fd00:244:0:i::10, and on from there.
 */
import { PodwireError } from '../wire/error.js';
import { overhead } from '../wire/vxlan.js';

/**
 * The two laboratories, because veth flatters:
 *
 * | laboratory | between hosts                                                                                    |
 * |------------|--------------------------------------------------------------------------------------------------|
 * | `virtual`  | veth as it is: superpackets cross whole, checksums are left undone                                |
 * | `cable`    | as with a real cable and NIC: whole checksums, no frame above the MTU, and the receiver has GRO   |
 */
export type Laboratory = 'virtual' | 'cable';
export const LABORATORIES: readonly Laboratory[] = ['virtual', 'cable'];

/** What a host speaks towards the others: IPv4, IPv6, or both. */
export type Families = 4 | 6 | 46;

export interface LabOptions {
  /** Lower-case letters and digits; part of every namespace's name. Unique among a process's living labs. */
  readonly name: string;
  /** Number of hosts, 1 to 99. */
  readonly hosts: number;
  /** Pods on each host, 0 to 90; 1 if not given. */
  readonly pods?: number;
  /** The families between the hosts, for all or for each of them; 4 if not given. */
  readonly underlay?: Families | readonly Families[];
  /** MTU of the cables between hosts and router, bytes; 1500 if not given. */
  readonly mtu?: number;
  /** MTU between pods and hosts, bytes; what is left inside VXLAN if not given. */
  readonly podMtu?: number;
  /** If not given: what `PODWIRE_LABORATORY` in the environment says, else `virtual`. `cable` needs ethtool. */
  readonly laboratory?: Laboratory;
  /**
   * Two routers in a row: the first host is at the one, all others are at the other, so that a path has a hop that no
   * host's own cable is. False if not given.
   */
  readonly twoRouters?: boolean;
  /** Hosts and router share one L2, a bridge at the router, and one subnet; the router filters nothing. False if not given. */
  readonly sharedL2?: boolean;
  /** The router passes only IP whose source is the sending host's own address; true if not given. */
  readonly filter?: boolean;
}

/** A network namespace with a part in the lab: where programs run. */
export interface Place {
  /** Its name below /run/netns. */
  readonly namespace: string;
}

export interface LabPod extends Place {
  /** Such as `alpha-pod1`. */
  readonly name: string;
  /** Its cable's end on the host. Its own end is `eth0`. */
  readonly port: string;
  /** IPv4 and IPv6. */
  readonly addresses: readonly [string, string];
}

/** A host's way to the others in one family. */
export interface Uplink {
  readonly family: 4 | 6;
  /** Its address on `eth0`, and the subnet's prefix length. */
  readonly underlay: string;
  readonly underlayLength: number;
  /** The router's address on the same cable. */
  readonly router: string;
}

/** As an uplink it is its first one. */
export interface LabHost extends Place, Uplink {
  /** `alpha`, `bravo`, … ; also the name of the router's port to it. */
  readonly name: string;
  /** One, or one of IPv4 and one of IPv6. */
  readonly uplinks: readonly Uplink[];
  /** IPv4 and IPv6. */
  readonly podCidr: readonly [string, string];
  /** What its pods call their gateway; the host answers for it. IPv4 and IPv6. */
  readonly gateways: readonly [string, string];
  readonly pods: readonly LabPod[];
}

export interface LabPlan {
  /** What the names of all the lab's namespaces, and of its directory, begin with. */
  readonly prefix: string;
  /** The families that any host speaks. */
  readonly families: readonly (4 | 6)[];
  /** MTU between hosts and router, bytes. */
  readonly mtu: number;
  /** MTU between pods and hosts, bytes. */
  readonly podMtu: number;
  readonly laboratory: Laboratory;
  readonly filter: boolean;
  readonly sharedL2: boolean;
  readonly router: Place;
  /** The second router, to which all hosts but the first are connected. */
  readonly far?: Place;
  readonly hosts: readonly LabHost[];
}

/** The router that a host is connected to. */
export function routerOf(plan: LabPlan, host: LabHost): Place {
  return plan.far && host !== plan.hosts[0] ? plan.far : plan.router;
}

/** The ranges that all pods of a lab come from. */
export const CLUSTER_CIDR: readonly [string, string] = ['10.244.0.0/16', 'fd00:244::/48'];

const NAMES = 'alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november'.split(' ');

/** @param pid the process that owns the lab: its namespaces carry the number, so that leftovers are known as such */
export function planLab(options: LabOptions, pid: number): LabPlan {
  const { name, hosts, pods = 1, underlay = 4, mtu = 1500, twoRouters = false, sharedL2 = false } = options;
  const { filter = !sharedL2 } = options;
  const { podMtu, laboratory = laboratoryOf(process.env['PODWIRE_LABORATORY']) } = options;
  if (!/^[a-z0-9]+$/.test(name)) throw new PodwireError('INTERNAL', `lab name '${name}': letters a-z and digits only`);
  if (!(hosts >= 1 && hosts <= 99 && pods >= 0 && pods <= 90)) {
    throw new PodwireError('INTERNAL', `a lab has 1 to 99 hosts with 0 to 90 pods each, not ${hosts} with ${pods}`);
  }
  const prefix = `podwire-${name}-${pid}`;
  const each = Array.from({ length: hosts }, (_, index) => familiesOf(underlay, index));
  const families = ([4, 6] as const).filter((family) => each.flat().includes(family));
  return {
    prefix,
    families,
    mtu,
    podMtu: podMtu ?? mtu - Math.max(...families.map(overhead)),
    laboratory,
    filter,
    sharedL2,
    router: { namespace: `${prefix}-router` },
    ...(twoRouters && { far: { namespace: `${prefix}-far` } }),
    hosts: each.map((own, index) => planHost(prefix, own, index + 1, pods, sharedL2)),
  };
}

/**
 * @param text what the environment or a flag says; undefined or empty: `virtual`
 * @throws PodwireError CONFIG for any other word
 */
export function laboratoryOf(text: string | undefined): Laboratory {
  const found = LABORATORIES.find((laboratory) => laboratory === (text || 'virtual'));
  if (found === undefined) {
    throw new PodwireError('CONFIG', `no laboratory is called '${text}': ${LABORATORIES.join(' or ')}`);
  }
  return found;
}

function familiesOf(underlay: Families | readonly Families[], index: number): readonly (4 | 6)[] {
  const own = typeof underlay === 'number' ? underlay : (underlay[index] ?? 4);
  return own === 46 ? [4, 6] : [own];
}

/** @param sharedL2 all in one subnet, where the router has the first address */
function planUplink(family: 4 | 6, number: number, sharedL2: boolean): Uplink {
  if (sharedL2) {
    const common = family === 4 ? '10.101.0.' : 'fd00:101::';
    const own = family === 4 ? 10 + number : `a:${number}`;
    return { family, underlay: `${common}${own}`, underlayLength: family === 4 ? 24 : 64, router: `${common}1` };
  }
  const subnet = family === 4 ? `10.101.${number}.` : `fd00:101:0:${number}::`;
  return { family, underlay: `${subnet}2`, underlayLength: family === 4 ? 24 : 64, router: `${subnet}1` };
}

function planHost(
  prefix: string,
  families: readonly (4 | 6)[],
  number: number,
  pods: number,
  sharedL2: boolean,
): LabHost {
  const name = NAMES[number - 1] ?? `node${number}`;
  const uplinks = families.map((family) => planUplink(family, number, sharedL2));
  const pods4 = `10.244.${number}.`;
  const pods6 = `fd00:244:0:${number}::`;
  return {
    name,
    namespace: `${prefix}-${name}`,
    ...uplinks[0],
    uplinks,
    podCidr: [`${pods4}0/24`, `${pods6}/64`],
    gateways: [`${pods4}1`, `${pods6}1`],
    pods: Array.from({ length: pods }, (_, index) => ({
      name: `${name}-pod${index + 1}`,
      namespace: `${prefix}-${name}-pod${index + 1}`,
      port: `pod${index + 1}`,
      addresses: [`${pods4}${10 + index}`, `${pods6}${10 + index}`],
    })),
  };
}

/** Every place of a lab. */
export function places(plan: LabPlan): Place[] {
  return [plan.router, ...(plan.far ? [plan.far] : []), ...plan.hosts.flatMap((host) => [host, ...host.pods])];
}
