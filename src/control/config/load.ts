/** From a file and flags to a complete configuration, or to the list of everything that is wrong with it. */
import { availableParallelism, hostname } from 'node:os';
import type * as z from 'zod';
import { macFromName } from '../../core/mac.js';
import { visible } from '../../core/visible.js';
import { type FlagValues, isMapping, mergeFlags } from './flags.js';
import { checkMembership } from './membership.js';
import type { NodeConfig } from './node-config.js';
import { OFFLOADS } from './offloads.js';
import { configError, type Problem, schemaProblems } from './problem.js';
import { readConfigFile } from './read-file.js';
import { ConfigSchema, PeerSchema } from './schema.js';
import { crossCheck, type Draft } from './semantic.js';
import { SWIM_PARAMETERS } from './swim-parameters.js';

export interface ConfigSource {
  /** JSON or YAML; absent: everything comes from flags. */
  readonly file?: string | undefined;
  readonly flags?: FlagValues;
}

/** What stands in for keys that are absent. */
export interface Machine {
  readonly hostname: string;
  readonly cores: number;
}

/**
 * Reads the file and lays the flags over it.
 * @throws PodwireError CONFIG with a line for each problem
 */
export function loadConfig(source: ConfigSource): NodeConfig {
  const file = source.file === undefined ? {} : (readConfigFile(source.file) ?? {});
  const result = parseConfig(mergeFlags(file, source.flags ?? {}), {
    hostname: hostname(),
    cores: availableParallelism(),
  });
  if ('problems' in result) throw configError(result.problems);
  return result.config;
}

/** Checks plain data, as a file holds it, and completes it. Pure. */
export function parseConfig(raw: unknown, machine: Machine): { config: NodeConfig } | { problems: Problem[] } {
  const completed = isMapping(raw) && raw['node'] === undefined ? { ...raw, node: machine.hostname } : raw;
  const parsed = ConfigSchema.safeParse(completed, { reportInput: true });
  const draft = draftOf(completed);
  const problems = [
    ...(parsed.success ? [] : schemaProblems(parsed.error.issues, knownKeys)),
    ...(isMapping(completed) ? checkMembership(draft) : []),
    ...crossCheck(draft),
  ];
  if (!parsed.success || problems.length > 0) {
    return { problems: problems.map(({ path, message }) => ({ path: visible(path), message: visible(message) })) };
  }

  const { node = machine.hostname, underlay, podCidr = [], peers, join, gossip, workers, mtu, ...rest } = parsed.data;
  const { keyFile, ...openGossip } = gossip;
  const config: NodeConfig = {
    node,
    ...(underlay !== undefined && { underlay }),
    podCidr,
    ...rest,
    peers: peers.map((peer) => ({ ...peer, mac: peer.mac ?? macFromName(peer.node) })),
    join: join.map(({ port = gossip.port, ...where }) => ({ ...where, port })),
    gossip: { ...openGossip, ...(keyFile !== undefined && { keyFile }) },
    workers: workers ?? defaultWorkers(machine.cores),
    ...(mtu !== undefined && { mtu }),
  };
  return { config };
}

/** One thread up to three cores: the control plane and the pods need some too. */
export function defaultWorkers(cores: number): number {
  return cores <= 3 ? 1 : Math.min(4, Math.floor(cores / 2));
}

/** What can be parsed by itself, for the cross-checks: they run also where other values are bad. */
function draftOf(raw: unknown): Draft {
  const file = isMapping(raw) ? raw : {};
  const top = ConfigSchema.shape;
  const peer = PeerSchema.shape;
  const peers = Array.isArray(file['peers']) ? file['peers'] : [];
  const gossip = isMapping(file['gossip']) ? file['gossip'] : {};
  const vxlan = isMapping(file['vxlan']) ? file['vxlan'] : {};
  const join = valid(top.join, file['join']);
  return {
    self: {
      path: '',
      node: valid(top.node, file['node']),
      underlay: valid(top.underlay, file['underlay']),
      podCidr: valid(top.podCidr, file['podCidr']),
    },
    clusterCidr: valid(top.clusterCidr, file['clusterCidr']),
    mtu: valid(top.mtu, file['mtu']),
    peers: peers.map((entry: unknown, i) => {
      const values = isMapping(entry) ? entry : {};
      return {
        path: `peers[${i}].`,
        node: valid(peer.node, values['node']),
        underlay: valid(peer.underlay, values['underlay']),
        podCidr: valid(peer.podCidr, values['podCidr']),
        mac: valid(peer.mac, values['mac']),
      };
    }),
    join: join ?? [],
    podPrefix: valid(top.podPrefix, file['podPrefix']),
    vxlanPort: valid(top.vxlan.unwrap().shape.port, vxlan['port']),
    gossipPort: valid(top.gossip.unwrap().shape.port, gossip['port']),
    said: {
      underlay: file['underlay'] !== undefined,
      podCidr: file['podCidr'] !== undefined,
      join: join === undefined || join.length > 0,
      keyFile: gossip['keyFile'] !== undefined,
      insecure: gossip['insecure'] !== undefined && gossip['insecure'] !== false,
    },
  };
}

function valid<S extends z.ZodType>(schema: S, value: unknown): z.output<S> | undefined {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** The keys that may stand at a path. */
function knownKeys([first, second]: readonly PropertyKey[]): readonly string[] {
  if (first === 'peers') return Object.keys(PeerSchema.shape);
  if (first === 'offload') return OFFLOADS;
  if (first === 'vxlan') return Object.keys(ConfigSchema.shape.vxlan.unwrap().shape);
  if (first !== 'gossip') return Object.keys(ConfigSchema.shape);
  return second === 'tune' ? SWIM_PARAMETERS : Object.keys(ConfigSchema.shape.gossip.unwrap().shape);
}
