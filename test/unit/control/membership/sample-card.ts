/** What nodes say of themselves, signed, for tests. */
import { Identity } from '../../../../src/core/identity.js';
import { macFromName } from '../../../../src/core/mac.js';
import type { SignedStatement, Statement } from '../../../../src/wire/gossip/statement.js';
import { address, prefix } from '../sample-config.js';

/** Statements differ from this in what is said. */
export type Said = Partial<Omit<Statement, 'underlay' | 'podCidr'>> & {
  readonly underlay?: string | readonly string[];
  readonly podCidr?: readonly string[];
};

export function statement(node: string, said: Said = {}): Statement {
  const { underlay = '192.0.2.1', podCidr = [], ...rest } = said;
  return {
    node,
    incarnation: 1,
    publicKey: new Uint8Array(32).fill(node.charCodeAt(0)),
    gossipPort: 7946,
    vxlanPort: 8472,
    mac: macFromName(node),
    epoch: 1,
    keys: [],
    features: 0,
    ...rest,
    underlay: [underlay].flat().map(address),
    podCidr: podCidr.map(prefix),
  };
}

export function card(node: string, said: Said = {}, identity = Identity.generate()): SignedStatement {
  return identity.sign(statement(node, { ...said, publicKey: identity.publicKey }));
}
