/**
 * Throw-away pods of a node that runs: network namespaces that its plugin attaches as a container runtime would have it,
 * each with an echo server that tells its clients whom it sees.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { PLUGIN_NAME } from '../os/cni-files.js';
import { PodwireError } from '../wire/error.js';
import type { Answer } from './ask.js';
import { PLUGIN } from './containers.js';
import type { Party } from './model.js';
import { addNamespaces, enter, listNamespaces, removeNamespaces } from './namespaces.js';
import { environment, run } from './run.js';
import { first, script } from './tools.js';

/** A configuration for the plugin, `attach` among its keys. */
export type ProbeNetwork = Readonly<Record<string, unknown>>;

/** Of each attachment, so that pods of one kind meet on one node; of devices there is one. */
const EACH = 2;
const LONGEST = 30_000;
/** Another name than the pods' own: a runtime's GC does not know these, and must not take them for stale. */
const NETWORK = 'podwire-conformance';

export interface ProbeNode {
  readonly node: string;
  /** Of its agent. */
  readonly socket: string;
  readonly port: number;
}

export interface ProbePod extends Party {
  readonly namespace: string;
}

export class ProbePods {
  readonly #node: ProbeNode;
  readonly #children: ChildProcess[] = [];
  readonly pods: ProbePod[] = [];

  private constructor(node: ProbeNode) {
    this.#node = node;
  }

  /**
   * Attaches them; what an earlier, killed run left is removed before.
   * @param underlays the node's
   * @throws PodwireError MACHINE: one could not be attached; nothing is left
   */
  static async start(
    node: ProbeNode,
    networks: readonly ProbeNetwork[],
    underlays: readonly string[],
  ): Promise<ProbePods> {
    const probes = new ProbePods(node);
    await probes.stop();
    try {
      await probes.#echo(undefined);
      for (const network of networks) {
        for (let i = 0; i < (network['attach'] === 'device' ? 1 : EACH); i++) {
          await probes.#add(network, probes.pods.length + 1, underlays);
        }
      }
      return probes;
    } catch (error) {
      await probes.stop();
      throw error;
    }
  }

  async #add(network: ProbeNetwork, number: number, underlays: readonly string[]): Promise<void> {
    const namespace = `${this.#prefix}${number}`;
    await addNamespaces([namespace]);
    const { code, stdout } = await this.#cni('ADD', namespace, network);
    const { ips = [], msg } = parse(stdout);
    const attach = String(network['attach'] ?? 'bridge');
    if (code !== 0) throw new PodwireError('MACHINE', `a pod cannot be attached by ${attach}: ${msg ?? stdout}`);
    const texts = ips.map(({ address }) => address);
    const addresses = texts.map((text) => text.split('/')[0]);
    const standing = attach === 'macvlan' && { networks: texts };
    this.pods.push({ node: this.#node.node, attach, namespace, addresses, underlays, ...standing });
    await this.#echo(namespace);
  }

  /** @param namespace undefined: of the node itself */
  async #echo(namespace: string | undefined): Promise<void> {
    const [program, ...rest] = this.#in(namespace, script('echo', this.#node.port, 'attended'));
    const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'ignore'], env: environment() });
    child.once('error', () => {}); // it shows as an output that ends
    this.#children.push(child);
    await first(child, 'listening').catch(() => {
      const where = namespace === undefined ? 'this node' : 'a throw-away pod';
      throw new PodwireError(
        'MACHINE',
        `no echo server on ${where} at TCP port ${this.#node.port}: is the port taken?`,
      );
    });
  }

  /** @returns whom the others saw, in the order of the addresses; empty: no answer */
  async ask(from: ProbePod | undefined, addresses: readonly string[]): Promise<string[]> {
    const argv = this.#in(from?.namespace, script('ask', this.#node.port, ...addresses));
    const { stdout } = await run(argv, { timeoutMs: LONGEST });
    if (stdout.trim() === '') return addresses.map(() => '');
    return (JSON.parse(stdout) as Answer[]).map(({ seen }) => seen);
  }

  /** Takes off all that bear this node's name. */
  async stop(): Promise<void> {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
    const prefix = this.#prefix;
    const names = listNamespaces().filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)));
    // What stays taken now is found by GC and the audit.
    for (const name of names) await this.#cni('DEL', name, {}).catch(() => undefined);
    removeNamespaces(names);
    this.pods.length = 0;
  }

  get #prefix(): string {
    return `podwire-probe-${this.#node.node}-`;
  }

  #in(namespace: string | undefined, argv: readonly string[]): string[] {
    return namespace === undefined ? [...argv] : enter(namespace, argv);
  }

  #cni(command: string, namespace: string, network: ProbeNetwork) {
    const { socket } = this.#node;
    const config = { ...network, cniVersion: '1.0.0', name: NETWORK, type: PLUGIN_NAME, socket };
    return run(PLUGIN, {
      input: JSON.stringify(config),
      timeoutMs: LONGEST,
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: namespace,
        CNI_NETNS: `/run/netns/${namespace}`,
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/opt/cni/bin',
        CNI_ARGS: '',
      },
    });
  }
}

function parse(text: string): { ips?: { address: string }[]; msg?: string } {
  try {
    return JSON.parse(text) as { ips?: { address: string }[]; msg?: string };
  } catch {
    return {};
  }
}
