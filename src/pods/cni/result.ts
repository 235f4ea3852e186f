/** CNI 1.1, section 5: what ADD answers, and how older versions have it. */
import { atLeast, type CniVersion } from './version.js';

export interface CniInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** Path of the namespace; absent: it is the node's. */
  readonly sandbox?: string;
  readonly [more: string]: unknown;
}

export interface CniIp {
  /** With its prefix length. */
  readonly address: string;
  readonly gateway?: string;
  /** Index in `interfaces`. */
  readonly interface?: number;
  readonly [more: string]: unknown;
}

export interface CniRoute {
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly [more: string]: unknown;
}

export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: Readonly<Record<string, unknown>>;
}

/** Fields that an older version does not know are left out; before 1.0.0 an address says its family. */
export function writeResult(result: CniResult, version: CniVersion): Record<string, unknown> {
  const modern = atLeast(version, '1.1.0');
  return {
    cniVersion: version,
    interfaces: modern ? result.interfaces : result.interfaces.map(only(['name', 'mac', 'sandbox'])),
    ips: result.ips.map((ip) =>
      atLeast(version, '1.0.0')
        ? ip
        : { version: ip.address.includes(':') ? '6' : '4', ...only(['address', 'gateway', 'interface'])(ip) },
    ),
    routes: modern ? result.routes : result.routes.map(only(['dst', 'gw'])),
    dns: result.dns,
  };
}

/** A previous plugin's result, of any version that is spoken; undefined: it is none. */
export function readResult(value: unknown): CniResult | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { interfaces = [], ips = [], routes = [], dns = {} } = value as Record<string, unknown>;
  if (!isList(interfaces) || !isList(ips) || !isList(routes) || typeof dns !== 'object' || dns === null)
    return undefined;
  if (!interfaces.every(({ name }) => typeof name === 'string')) return undefined;
  if (!ips.every(({ address }) => typeof address === 'string')) return undefined;
  if (!routes.every(({ dst }) => typeof dst === 'string')) return undefined;
  return {
    interfaces: interfaces as CniInterface[],
    ips: ips.map(({ version: _, ...ip }) => ip as CniIp),
    routes: routes as CniRoute[],
    dns: dns as Record<string, unknown>,
  };
}

/** What came before in a chain stays first; our interfaces' numbers count on from there. */
export function appendResult(before: CniResult | undefined, own: CniResult): CniResult {
  if (!before) return own;
  const offset = before.interfaces.length;
  return {
    interfaces: [...before.interfaces, ...own.interfaces],
    ips: [
      ...before.ips,
      ...own.ips.map((ip) => (ip.interface === undefined ? ip : { ...ip, interface: ip.interface + offset })),
    ],
    routes: [...before.routes, ...own.routes],
    dns: Object.keys(before.dns).length > 0 ? before.dns : own.dns,
  };
}

function only(names: readonly string[]) {
  return (value: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(names.filter((name) => value[name] !== undefined).map((name) => [name, value[name]]));
}

function isList(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null);
}
