/**
 * From what is there to what is wanted, as lines of `ip -batch`, each with the line that takes it back. Pure: both
 * families go one way, the addresses in a line tell `ip` which it is.
 */
import {
  type Address,
  familyBits,
  formatAddress,
  formatPrefix,
  type Prefix,
  prefixOf,
  samePrefix,
} from '../wire/address.js';
import { type DesiredHost, type DesiredRoute, PROTOCOL, UNREACHABLE_METRIC } from './desired-host.js';

/** A route of the main table as the kernel has it. */
export interface ActualRoute {
  readonly destination: Prefix;
  /** `unicast`, `unreachable`, `blackhole`, … */
  readonly type: string;
  readonly device?: string;
  readonly gateway?: string;
  /** A number or a name from /etc/iproute2/rt_protos. */
  readonly protocol: string;
  /** 0 where the kernel shows none. */
  readonly metric: number;
}

/** As much of the kernel's state as a desired state touches. */
export interface ActualHost {
  /** Addresses of the device; undefined: there is no such device. */
  readonly addresses: readonly Prefix[] | undefined;
  /** Routes to exactly the desired destinations. */
  readonly routes: readonly ActualRoute[];
}

export interface Step {
  readonly line: string;
  /** Takes the line's effect back; absent where that goes with the device. */
  readonly undo?: string;
}

/**
 * What stands in the way, one line each; with any of these nothing may be done. A route to the same destination that is
 * not ours is somebody's: adding ours would take their traffic. Our `unreachable` route stands behind all others, so only
 * one of the same metric is in its way.
 */
export function conflicts(desired: DesiredHost, actual: ActualHost): string[] {
  if (actual.addresses === undefined) return [`there is no device ${desired.device}`];
  return desired.routes.flatMap((route) =>
    actual.routes
      .filter((there) => samePrefix(there.destination, route.destination) && !isOurs(there, route, desired.device))
      .filter((there) =>
        route.kind === 'unreachable' ? there.metric === UNREACHABLE_METRIC : !isOurUnreachable(there),
      )
      .map((there) => `${describe(there)} is there already and is not podwire's`),
  );
}

/** The steps that are missing, in order. A step's undo takes back no more than that step made. */
export function plan(desired: DesiredHost, actual: ActualHost): Step[] {
  const has = (address: Address) => actual.addresses?.some((there) => samePrefix(there, hostPrefix(address))) ?? false;
  const ipv6 = desired.addresses.some((address) => address.family === 6);
  const link = `link set dev ${desired.device}`;
  const queue = desired.txQueueLength === undefined ? '' : ` txqueuelen ${desired.txQueueLength}`;
  return [
    // No link-local address, so no router solicitations and no multicast reports. Before `up`, and not in one line with
    // it: the kernel takes flags first.
    { line: `${link} mtu ${desired.mtu}${queue}${ipv6 ? ' addrgenmode none' : ''}` },
    ...desired.addresses.filter((address) => !has(address)).map((address) => addressStep(address, desired.device)),
    { line: `${link} up` },
    ...desired.routes
      .filter((route) => !actual.routes.some((there) => isOurs(there, route, desired.device)))
      .map((route) => routeStep(route, desired.device)),
  ];
}

/** The lines that take back all of a desired state, last made first, whoever of our former selves made it. */
export function undoAll(desired: DesiredHost): string[] {
  return undoOf(plan(desired, { addresses: [], routes: [] }));
}

/** The lines that take steps back, last made first. */
export function undoOf(steps: readonly Step[]): string[] {
  return steps.flatMap((step) => step.undo ?? []).reverse();
}

function addressStep(address: Address, device: string): Step {
  const host = `${formatPrefix(hostPrefix(address))} dev ${device}`;
  // Nobody else can hold it, and a tentative address cannot be a route's source yet.
  return { line: `address add ${host}${address.family === 6 ? ' nodad' : ''}`, undo: `address del ${host}` };
}

function routeStep(route: DesiredRoute, device: string): Step {
  const destination = formatPrefix(route.destination);
  const text =
    route.kind === 'device'
      ? `${destination} dev ${device} protocol ${PROTOCOL}`
      : `unreachable ${destination} metric ${UNREACHABLE_METRIC} protocol ${PROTOCOL}`;
  const source = route.source === undefined ? '' : ` src ${formatAddress(route.source)}`;
  // The undo names the protocol too: the kernel then deletes no route of anybody else's.
  return { line: `route add ${text}${source}`, undo: `route del ${text}` };
}

function isOurs(there: ActualRoute, route: DesiredRoute, device: string): boolean {
  if (!samePrefix(there.destination, route.destination)) return false;
  if (route.kind === 'unreachable') return isOurUnreachable(there);
  return there.protocol === String(PROTOCOL) && there.type === 'unicast' && there.device === device;
}

function isOurUnreachable(there: ActualRoute): boolean {
  return there.protocol === String(PROTOCOL) && there.type === 'unreachable' && there.metric === UNREACHABLE_METRIC;
}

function describe(route: ActualRoute): string {
  const type = route.type === 'unicast' ? '' : `${route.type} `;
  const gateway = route.gateway === undefined ? '' : ` via ${route.gateway}`;
  const device = route.device === undefined ? '' : ` dev ${route.device}`;
  return `the route '${type}${formatPrefix(route.destination)}${gateway}${device} proto ${route.protocol}'`;
}

/** The address alone, as a prefix. */
function hostPrefix(address: Address): Prefix {
  return prefixOf(address, familyBits(address.family));
}
