/**
 * The network model, tried on a cluster that runs. On each node a `ConformanceNode` has throw-away pods, tells of them, and
 * tries from them and from the node to all of the others when it is asked for its trials; whoever collects asks one node
 * after the other. Nobody can have a node do more than that: whom it asks it learns from its own agent's peers.
 *
 * | question       | answer                                                              |
 * |----------------|---------------------------------------------------------------------|
 * | `GET /parties` | `Party[]`: the node and its throw-away pods                         |
 * | `GET /trials`  | `NodeTrials`: tried now; one run at a time, for all who ask meanwhile |
 */
import { createServer, get, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { overlayAddress } from '../core/overlay-address.js';
import { formatAddress, parseAddress, parsePrefix } from '../wire/address.js';
import { messageOf, PodwireError } from '../wire/error.js';
import { type Party, questionsOf, RULES, type Trial, trialsOf } from './model.js';
import type { ProbePods } from './probe-pods.js';

/** Of echo servers; the one above is asked for parties and trials. */
export const PROBE_PORT = 7447;

/** A node as an agent knows it. */
export interface KnownNode {
  readonly node: string;
  readonly podCidr: readonly string[];
  readonly underlays: readonly string[];
}

/** A node of which nothing could be learned. */
export interface Silent {
  readonly node: string;
  readonly why: string;
}

export interface NodeTrials {
  readonly trials: readonly Trial[];
  readonly silent: readonly Silent[];
}

const PARTIES_PATIENCE = 5_000;
const TRIALS_PATIENCE = 180_000;

export class ConformanceNode {
  readonly #self: KnownNode;
  readonly #peers: () => Promise<readonly KnownNode[]>;
  readonly #probes: ProbePods;
  readonly #port: number;
  readonly #servers: Server[] = [];
  #trying: Promise<NodeTrials> | undefined;

  private constructor(self: KnownNode, peers: () => Promise<readonly KnownNode[]>, probes: ProbePods, port: number) {
    this.#self = self;
    this.#peers = peers;
    this.#probes = probes;
    this.#port = port;
  }

  /**
   * Answers at the node's overlay addresses until it is stopped.
   * @param peers asks its agent
   * @throws PodwireError MACHINE: the port is taken
   */
  static async start(
    self: KnownNode,
    peers: () => Promise<readonly KnownNode[]>,
    probes: ProbePods,
    port: number,
  ): Promise<ConformanceNode> {
    const node = new ConformanceNode(self, peers, probes, port);
    try {
      for (const address of overlayAddresses(self)) await node.#listen(address);
    } catch (error) {
      node.stop();
      throw new PodwireError('MACHINE', `port ${port + 1} cannot be listened at: ${String(error)}`);
    }
    return node;
  }

  stop(): void {
    for (const server of this.#servers.splice(0)) server.close().closeAllConnections();
  }

  get #parties(): Party[] {
    const { node, underlays } = this.#self;
    return [{ node, addresses: overlayAddresses(this.#self), underlays }, ...this.#probes.pods];
  }

  #listen(host: string): Promise<void> {
    const server = createServer(({ method, url }, response) => {
      if (method !== 'GET' || (url !== '/parties' && url !== '/trials')) return answer(response, 404, {});
      if (url === '/parties') return answer(response, 200, this.#parties);
      this.trials().then(
        (trials) => answer(response, 200, trials),
        (error) => answer(response, 500, { message: String(error) }),
      );
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port: this.#port + 1 }, resolve);
    });
  }

  /** From the node and each of its pods to everybody. */
  trials(): Promise<NodeTrials> {
    this.#trying ??= this.#try().finally(() => {
      this.#trying = undefined;
    });
    return this.#trying;
  }

  async #try(): Promise<NodeTrials> {
    const peers = await this.#peers();
    const told = await Promise.all(
      peers.map((peer) => askNode(peer, this.#port, '/parties', PARTIES_PATIENCE, partiesIn)),
    );
    const silent = told.flatMap((parties) => ('why' in parties ? parties : []));
    const own = this.#parties;
    const all = [...own, ...told.flatMap((parties) => ('why' in parties ? [] : parties))];
    const trials: Trial[] = [];
    for (const [i, party] of own.entries()) {
      const questions = questionsOf(party, all);
      const addresses = questions.map(({ address }) => address);
      trials.push(
        ...trialsOf(questions, await this.#probes.ask(i === 0 ? undefined : this.#probes.pods[i - 1], addresses)),
      );
    }
    return { trials, silent };
  }
}

/** Has one node after the other try, and puts together what they found. */
export async function collect(nodes: readonly KnownNode[], port: number): Promise<NodeTrials> {
  const trials: Trial[] = [];
  const silent: Silent[] = [];
  for (const node of nodes) {
    const found = await askNode(node, port, '/trials', TRIALS_PATIENCE, trialsIn);
    if ('why' in found) silent.push(found);
    else {
      trials.push(...found.trials);
      silent.push(
        ...found.silent.map(({ node: other, why }) => ({ node: other, why: `${why} (asked by ${node.node})` })),
      );
    }
  }
  return { trials, silent };
}

async function askNode<T extends object>(
  node: KnownNode,
  port: number,
  path: string,
  patience: number,
  read: (value: unknown, node: string) => T,
): Promise<T | Silent> {
  let why = 'it has no overlay address';
  for (const host of overlayAddresses(node)) {
    try {
      return read(await fetchJson(host, port + 1, path, patience), node.node);
    } catch (error) {
      why = `${host} port ${port + 1} gives no answer: ${messageOf(error)}`;
    }
  }
  return { node: node.node, why };
}

function fetchJson(host: string, port: number, path: string, patience: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = get({ host, port, path, agent: false }, (response) => {
      const read = text(response).then((body) => {
        if (response.statusCode !== 200) throw new Error(`answer ${response.statusCode}`);
        return JSON.parse(body) as unknown;
      });
      read.then(resolve, reject);
    });
    asked.setTimeout(patience, () => asked.destroy(new Error('too late')));
    asked.on('error', reject);
  });
}

/** @throws TypeError: these are none. Another node is asked at addresses only, and under its own name. */
function partiesIn(value: unknown, node: string): Party[] {
  return (value as Party[]).map(({ attach, addresses, underlays, networks }) => ({
    node,
    ...(attach !== undefined && { attach: plain(attach) }),
    addresses: addresses.filter((text) => parseAddress(text)),
    underlays: underlays.filter((text) => parseAddress(text)),
    ...(networks && { networks: networks.map(plain) }),
  }));
}

/** @throws TypeError: these are none */
function trialsIn(value: unknown): NodeTrials {
  const { trials, silent } = value as NodeTrials;
  return {
    trials: trials.map(({ rule, from, to, address, expected, seen, ok }) => ({
      rule: RULES.find((one) => one === rule) ?? RULES[0],
      from: plain(from),
      to: plain(to),
      address: plain(address),
      expected: plain(expected),
      seen: plain(seen),
      ok: ok === true,
    })),
    silent: silent.map(({ node, why }) => ({ node: plain(node), why: plain(why) })),
  };
}

/** Another's words may go to a terminal. */
function plain(text: string): string {
  return text.replaceAll(/[^ -~]/g, '?');
}

/** Those that the node itself has. */
export function overlayAddresses({ podCidr }: KnownNode): string[] {
  return podCidr.flatMap((subnet) => {
    const prefix = parsePrefix(subnet);
    return typeof prefix === 'string' ? [] : formatAddress(overlayAddress(prefix));
  });
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
