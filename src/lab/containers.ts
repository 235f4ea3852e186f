/**
 * Containers without a runtime: network namespaces of a lab, and the CNI plugin called as a runtime calls it.
 */
import { existsSync } from 'node:fs';
import { COMPILED_PLUGIN, PLUGIN_NAME, PLUGIN_TWIN } from '../os/cni-files.js';
import { PodwireError } from '../wire/error.js';
import type { Lab } from './lab.js';
import { addNamespaces, removeNamespaces } from './namespaces.js';
import type { LabHost, Place } from './plan.js';
import type { RunningPodwire } from './podwire.js';

const TWIN = [process.execPath, PLUGIN_TWIN];
export const PLUGINS: Readonly<Record<string, readonly string[]>> = {
  ...(existsSync(COMPILED_PLUGIN) && { c: [COMPILED_PLUGIN] }),
  node: TWIN,
};
/** The program, or its twin where there is no compiler. */
export const PLUGIN = existsSync(COMPILED_PLUGIN) ? [COMPILED_PLUGIN] : TWIN;

export interface Container extends Place {
  readonly host: LabHost;
  readonly id: string;
  readonly netns: string;
}

export interface Called {
  readonly code: number | null;
  readonly stdout: string;
  readonly ms: number;
  /** Standard output as JSON; an empty object if it is none. */
  readonly json: CniOutput;
}

export interface CniOutput {
  readonly cniVersion?: string;
  readonly code?: number;
  readonly msg?: string;
  readonly supportedVersions?: string[];
  readonly interfaces?: { name: string; mac: string; sandbox?: string; mtu?: number }[];
  readonly ips?: { address: string; gateway: string; interface: number; version?: string }[];
  readonly routes?: { dst: string; gw?: string }[];
}

export interface CallOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** In the place of a configuration. */
  readonly stdin?: string;
  readonly plugin?: readonly string[];
}

/** Network namespaces on a host; they go with the lab. */
export async function containers(lab: Lab, host: LabHost, ...names: string[]): Promise<Container[]> {
  const made = names.map((name) => containerOf(lab, host, name));
  await addNamespaces(made.map(({ namespace }) => namespace));
  return made;
}

/** The one of that name; it need not be there. */
export function containerOf(lab: Lab, host: LabHost, name: string): Container {
  const namespace = `${lab.plan.prefix}-${host.name}-${name}`;
  return { host, namespace, id: `${host.name}-${name}`, netns: `/run/netns/${namespace}` };
}

export function removeContainers(containers: readonly Container[]): void {
  removeNamespaces(containers.map(({ namespace }) => namespace));
}

/** Calls the plugin for a container. */
export async function cni(
  lab: Lab,
  node: Pick<RunningPodwire, 'socket'>,
  command: string,
  container: Container,
  options: CallOptions = {},
): Promise<Called> {
  const { config, env, plugin = PLUGIN } = options;
  const network = { cniVersion: '1.0.0', name: 'podwire', type: PLUGIN_NAME, socket: node.socket, ...config };
  const started = performance.now();
  const { code, stdout } = await lab.exec(container.host, plugin, {
    input: options.stdin ?? JSON.stringify(network),
    timeoutMs: 30_000,
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: container.id,
      CNI_NETNS: container.netns,
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
      CNI_ARGS: '',
      ...env,
    },
  });
  return { code, stdout, ms: performance.now() - started, json: parse(stdout) };
}

/** ADD that must succeed. @returns its answer, and the addresses without their lengths */
export async function attach(
  lab: Lab,
  node: Pick<RunningPodwire, 'socket'>,
  container: Container,
  options?: CallOptions,
): Promise<Called & { addresses: string[] }> {
  const called = await cni(lab, node, 'ADD', container, options);
  if (called.code !== 0) throw new PodwireError('MACHINE', `ADD ${container.id}: ${called.stdout}`);
  return { ...called, addresses: (called.json.ips ?? []).map(({ address }) => address.split('/')[0]) };
}

function parse(text: string): CniOutput {
  try {
    return JSON.parse(text) as CniOutput;
  } catch {
    return {};
  }
}
