/** Memberships of one process in virtual time: what src/cluster.ts puts together, with a network and a clock in memory. */
import type { Endpoint, NamedEndpoint, Seed } from '../../../../src/control/config/node-config.js';
import { EventLog } from '../../../../src/control/membership/events.js';
import { Membership, type MembershipOptions } from '../../../../src/control/membership/membership.js';
import { Identity, Verifier } from '../../../../src/core/identity.js';
import type { Claim } from '../../../../src/core/ipam/claim.js';
import { SubnetPool } from '../../../../src/core/ipam/subnet-pool.js';
import { Keyring } from '../../../../src/core/keyring.js';
import { macFromName } from '../../../../src/core/mac.js';
import { type Random, seededRandom } from '../../../../src/core/random.js';
import { Sessions } from '../../../../src/core/sessions.js';
import { LAN } from '../../../../src/core/swim/profile.js';
import { type Family, formatPrefix } from '../../../../src/wire/address.js';
import { address, prefix } from '../sample-config.js';
import { MemoryGossip, VirtualTime } from './memory-transport.js';

export const KEY = Buffer.alloc(32, 7);
const STATES = ['alive', 'suspect', 'dead', 'left'] as const;

export interface TestNode {
  readonly name: string;
  /** The first of its endpoints. */
  readonly endpoint: Endpoint;
  readonly endpoints: readonly Endpoint[];
  readonly membership: Membership;
  readonly events: EventLog;
  /** What it holds now. */
  held: Claim | undefined;
  /** What was done with subnets, in order. */
  readonly acts: string[];
  /** Names that carry traffic. */
  peers: string[];
  refused: string | undefined;
}

export interface TestNodeOptions {
  readonly identity?: Identity;
  readonly host?: number;
  readonly join?: readonly (TestNode | NamedEndpoint)[];
  /** Of its underlay addresses, the first first; IPv4 alone if not given. */
  readonly families?: readonly Family[];
  readonly podCidr?: readonly string[];
  readonly remembered?: MembershipOptions['remembered'];
  readonly key?: Uint8Array;
  readonly clusterCidr?: string;
}

export class TestCluster {
  readonly time = new VirtualTime();
  readonly network = new MemoryGossip(this.time);
  readonly random: Random;
  /** Where names lead at present. */
  readonly names = new Map<string, readonly Endpoint[]>();
  #hosts = 1;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  async start(name: string, options: TestNodeOptions = {}): Promise<TestNode> {
    const { identity = Identity.generate(), join = [], podCidr = [], remembered, key = KEY } = options;
    const { time, random } = this;
    const events = new EventLog(() => time.wall());
    const host = options.host ?? this.#hosts++;
    const endpoints = (options.families ?? [4]).map((family) => ({
      address: address(family === 4 ? `192.0.2.${host}` : `2001:db8::${host}`),
      port: 7946,
    }));
    const [endpoint] = endpoints;
    const ring = Keyring.of([key]);
    const verifier = new Verifier();
    const sessions = new Sessions<Endpoint>(
      ring,
      (count) => Uint8Array.from({ length: count }, () => random() * 256),
      {
        deliver: (plain, from) => node.membership.deliver(plain, from),
        send: (datagram, to) => node.membership.transmit(datagram, to),
      },
      time.now(),
    );
    const membership = new Membership({
      facts: {
        node: name,
        publicKey: identity.publicKey,
        underlay: endpoints.map(({ address }) => address),
        gossipPort: endpoint.port,
        vxlanPort: 8472,
        mac: macFromName(name),
        podCidr: podCidr.map(prefix),
        epoch: 0,
        keys: ring.ids,
        features: 1,
      },
      sign: (statement) => identity.sign(statement),
      verify: (card) => verifier.verify(card),
      sessions,
      profile: LAN,
      pool: new SubnetPool([prefix(options.clusterCidr ?? '10.244.0.0/16')], { 4: 24, 6: 64 }),
      ...(remembered && { remembered }),
      join: join.flatMap((other): readonly Seed[] => ('endpoints' in other ? other.endpoints : [other])),
      resolve: async (seed) => ('host' in seed ? (this.names.get(seed.host) ?? []) : [seed]),
      known: [],
      transport: this.network.open,
      clock: time,
      random,
      events,
      outputs: {
        hold: (claim) => {
          node.held = claim;
          node.acts.push(`hold ${claim.podCidr.map(formatPrefix)}`);
        },
        release: (claim) => {
          node.held = undefined;
          node.acts.push(`release ${claim.podCidr.map(formatPrefix)}`);
        },
        members: (cards) => {
          node.peers = cards.map(({ statement }) => statement.node).sort();
        },
        refused: (words) => {
          node.refused = words;
        },
      },
    });
    const node: TestNode = {
      name,
      endpoint,
      endpoints,
      membership,
      events,
      held: undefined,
      acts: [],
      peers: [],
      refused: undefined,
    };
    await membership.start();
    return node;
  }
}

/** How a node sees another: its state, undefined for one that it does not know. */
export function seen(by: TestNode, other: string): string | undefined {
  for (const { node, state } of by.membership.swim.members()) {
    if (by.membership.directory.name(node) === other) return STATES[state];
  }
  return undefined;
}

export function subnet(node: TestNode): string {
  return node.held?.podCidr.map(formatPrefix).join() ?? '';
}
