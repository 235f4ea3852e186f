/** Statements and packets, fixed and arbitrary. Signatures are bytes of no meaning: the wire does not check them. */
import fc from 'fast-check';
import { addressOf, type Prefix, parseAddress, parsePrefix, prefixOf, wordsOf } from '../../../../src/wire/address.js';
import type { NamedPacket, NamedProbe, NamedUpdate } from '../../../../src/wire/gossip/packet.js';
import {
  decodeSigned,
  encodeStatement,
  type SignedStatement,
  type Statement,
} from '../../../../src/wire/gossip/statement.js';
import type { NamedRecord } from '../../../../src/wire/gossip/stream.js';

export function address(text: string) {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  return address;
}

export function prefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (typeof prefix === 'string') throw new Error(prefix);
  return prefix;
}

/** What alpha says of itself. */
export const ALPHA: Statement = {
  node: 'alpha',
  incarnation: 7,
  publicKey: new Uint8Array(32).fill(0x11),
  underlay: [address('192.0.2.10')],
  gossipPort: 7946,
  vxlanPort: 8472,
  mac: Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1),
  podCidr: [prefix('10.244.1.0/24'), prefix('fd00:244:0:1::/64')],
  epoch: 3,
  keys: [0xdeadbeef, 1],
  features: 1,
};

export function signed(statement: Statement, fill = 0x22): SignedStatement {
  const card = decodeSigned(encodeStatement(statement), new Uint8Array(64).fill(fill));
  if (!card) throw new Error(`the statement of ${statement.node} is not accepted`);
  return card;
}

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const port = fc.integer({ min: 1, max: 65_535 });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** Names of every length. */
export const nodeName = fc.stringMatching(/^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$/);

const v4 = fc.tuple(fc.integer({ min: 1, max: 223 }), bytes(3)).map(([first, rest]) => {
  return address(`${first}.${[...rest].join('.')}`);
});
/** Global unicast, 2000::/3. */
const v6 = bytes(16).map((octets) => {
  const first = (octets[0] & 0x1f) | 0x20;
  return addressOf(wordsOf(Uint8Array.of(first, ...octets.subarray(1))));
});
const subnets = fc
  .tuple(fc.option(fc.tuple(v4, fc.nat(32))), fc.option(fc.tuple(v6, fc.integer({ min: 3, max: 128 }))))
  .map((both) => both.filter((one) => one !== null).map(([address, length]) => prefixOf(address, length)));

/** Objects like ours: with a prototype. */
const plainRecord = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true });

export const statement: fc.Arbitrary<Statement> = plainRecord({
  node: nodeName,
  incarnation: uint32,
  publicKey: bytes(32),
  underlay: fc.oneof(fc.tuple(v4), fc.tuple(v6), fc.tuple(v4, v6), fc.tuple(v6, v4)),
  gossipPort: port,
  vxlanPort: port,
  mac: bytes(5).map((rest) => Uint8Array.of(2, ...rest)),
  podCidr: subnets,
  epoch: uint32,
  keys: fc.uniqueArray(uint32, { maxLength: 16 }),
  features: uint32,
});

export const card: fc.Arbitrary<SignedStatement> = fc
  .tuple(statement, fc.nat(255))
  .map(([statement, fill]) => signed(statement, fill));

const probe: fc.Arbitrary<NamedProbe> = fc.oneof(
  plainRecord({ kind: fc.constantFrom('ping', 'ping-request'), seq: uint32, target: nodeName }),
  plainRecord({ kind: fc.constantFrom('ack', 'nack'), seq: uint32 }),
);

export const update: fc.Arbitrary<NamedUpdate> = fc.oneof(
  plainRecord({ kind: fc.constant('alive'), card }),
  plainRecord({ kind: fc.constantFrom('suspect', 'dead'), node: nodeName, incarnation: uint32, from: nodeName }),
  plainRecord({ kind: fc.constant('left'), node: nodeName, incarnation: uint32 }),
);

export const packet: fc.Arbitrary<NamedPacket> = fc
  .record({ from: nodeName, probe: fc.option(probe), updates: fc.array(update, { maxLength: 3 }) })
  .map(({ probe, ...rest }) => (probe ? { ...rest, probe } : rest));

export const record: fc.Arbitrary<NamedRecord> = fc
  .record({ card, state: fc.constantFrom(0, 1, 2, 3), later: fc.nat(1000), ageMs: uint32 })
  .map(({ card, state, later, ageMs }) => {
    const signed = card.statement.incarnation;
    const incarnation = state === 0 ? signed : Math.min(signed + later, 2 ** 32 - 1);
    return { card, state, incarnation, ageMs };
  });
