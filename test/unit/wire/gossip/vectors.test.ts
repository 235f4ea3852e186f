import { createPrivateKey } from 'node:crypto';
import t from 'tap';
import { Identity, Verifier } from '../../../../src/core/identity.js';
import { parseMac } from '../../../../src/core/mac.js';
import { decodePacket, encodePacket, type NamedPacket } from '../../../../src/wire/gossip/packet.js';
import { decodeSigned, encodeStatement, type SignedStatement } from '../../../../src/wire/gossip/statement.js';
import {
  decodeStream,
  encodeState,
  encodeStreamAck,
  encodeStreamPing,
  type StreamMessage,
} from '../../../../src/wire/gossip/stream.js';
import { vectors } from '../vectors.js';
import { address, prefix } from './samples.js';

interface StoredStatement {
  type: 'statement';
  seed: string;
  publicKey: string;
  signature: string;
  statement: {
    node: string;
    incarnation: number;
    underlay: string | string[];
    gossipPort: number;
    vxlanPort: number;
    mac: string;
    podCidr: string[];
    epoch: number;
    keys: number[];
    features: number;
  };
}

/** As the decoders give them, but for cards, which are stored as their bytes in hexadecimal. */
type Fields =
  | StoredStatement
  | { type: 'packet'; packet: NamedPacket }
  | { type: 'stream'; message: Exclude<StreamMessage, { kind: 'unknown' }> };

for (const { name, bytes, fields } of vectors<Fields>('gossip')) {
  t.test(`vector: ${name}`, async (t) => {
    if (fields.type === 'statement') {
      const { statement, publicKey, signature, seed } = fields;
      const expected = {
        ...statement,
        publicKey: Uint8Array.from(Buffer.from(publicKey, 'hex')),
        underlay: [statement.underlay].flat().map(address),
        mac: parseMac(statement.mac) ?? new Uint8Array(0),
        podCidr: statement.podCidr.map(prefix),
      };
      t.equal(Buffer.from(encodeStatement(expected)).toString('hex'), bytes.toString('hex'));
      const card = decodeSigned(bytes, Buffer.from(signature, 'hex'));
      t.strictSame(card?.statement, expected);
      t.ok(card && new Verifier().verify(card));
      t.same(Identity.fromPem(pemOf(seed))?.sign(expected), card);
    } else if (fields.type === 'packet') {
      const packet = withCards(fields.packet);
      t.strictSame(decodePacket(bytes), { ...packet, skipped: 0 });
      t.equal(Buffer.from(encodePacket(packet)).toString('hex'), bytes.toString('hex'));
    } else {
      const message = withCards(fields.message);
      t.strictSame(decodeStream(bytes), message);
      t.equal(Buffer.from(encode(message)).toString('hex'), bytes.toString('hex'));
    }
  });
}

function encode(message: Exclude<StreamMessage, { kind: 'unknown' }>): Uint8Array {
  if (message.kind === 'ping') return encodeStreamPing(message.seq, message.target);
  if (message.kind === 'ack') return encodeStreamAck(message.seq);
  return [...encodeState(message.from, message.records)][0];
}

/** Cards in place of what is stored of them. */
function withCards<T>(stored: T): T {
  return JSON.parse(JSON.stringify(stored), (key, value) => (key === 'card' ? cardOf(value) : value)) as T;
}

function cardOf({ statement, signature }: { statement: string; signature: string }): SignedStatement {
  const card = decodeSigned(Buffer.from(statement, 'hex'), Buffer.from(signature, 'hex'));
  if (!card) throw new Error('no statement');
  return card;
}

/** A private key as PEM; before it, what PKCS #8 says of Ed25519 (RFC 8410 §7). */
function pemOf(seed: string): string {
  const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
