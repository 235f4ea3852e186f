/**
 * Who a node is: an Ed25519 pair (RFC 8032). The ring key admits to the cluster, the identity owns a name, an address and a
 * subnet: what a node says of itself counts only with its signature.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { PodwireError } from '../wire/error.js';
import { decodeSigned, encodeStatement, type SignedStatement, type Statement } from '../wire/gossip/statement.js';
import type { RandomBytes } from './own-session.js';

/** What is signed begins with this: nothing else that this key may ever sign can be taken for a statement. */
const DOMAIN = Buffer.from('podwire statement\0');

/** Any 32 bytes are a private key; what stands before them in PKCS #8 (RFC 8410, section 7). */
const SEED_BYTES = 32;
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * The encodings of the points of small order, sign bit cleared, 0 and 1 also as p and p + 1. Under such a key one signature
 * fits every fourth statement or more, and RFC 8032 does not refuse it.
 */
const SMALL_ORDER = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
]);

export class Identity {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #private: KeyObject;

  private constructor(key: KeyObject) {
    this.#private = key;
    this.publicKey = rawPublicKey(key);
  }

  /**
   * A new one. Not by `generateKeyPairSync`: what that leaves behind locks its key when it is collected, and for ever if
   * that key is just being exported (seen with Node.js 20.20).
   */
  static generate(random: RandomBytes = randomBytes): Identity {
    const key = Buffer.concat([PKCS8_PREFIX, random(SEED_BYTES)]);
    return new Identity(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
  }

  /** Reads what `toPem` wrote; undefined if it is no Ed25519 key. */
  static fromPem(pem: string): Identity | undefined {
    try {
      const key = createPrivateKey(pem);
      return key.asymmetricKeyType === 'ed25519' ? new Identity(key) : undefined;
    } catch {
      // What the error says is of no use to people, and may quote the text.
      return undefined;
    }
  }

  /** PKCS #8 as PEM (RFC 5958, RFC 7468): a secret. */
  toPem(): string {
    return this.#private.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  /**
   * A statement as it travels.
   * @param statement whose public key is this identity's
   * @throws PodwireError INTERNAL: it is not, or nobody would accept the statement
   */
  sign(statement: Statement): SignedStatement {
    const bytes = encodeStatement(statement);
    const signed = decodeSigned(bytes, sign(null, domainAnd(bytes), this.#private));
    if (!signed || !Buffer.from(this.publicKey).equals(signed.statement.publicKey)) {
      throw new PodwireError('INTERNAL', `${statement.node} would sign what is not its own: nothing was signed`);
    }
    return signed;
  }
}

/** Checks signatures, the same one only once: a statement arrives as many times as it has ways to arrive. */
export class Verifier {
  readonly #most: number;
  /** Digests of statements that were found signed, the latest used last. */
  readonly #known = new Set<string>();

  /** @param most statements that are remembered: some more than the cluster has members */
  constructor(most = 32_768) {
    this.#most = most;
  }

  /** Whether the statement was signed by the key that it names. Who owns the name is another question. */
  verify(signed: SignedStatement): boolean {
    const digest = digestOf(signed);
    const known = this.#known.delete(digest);
    if (!known && !isSigned(signed)) return false;
    this.#known.add(digest);
    if (this.#known.size > this.#most) this.#forgetOldest();
    return true;
  }

  /** How many statements it remembers. */
  get size(): number {
    return this.#known.size;
  }

  #forgetOldest(): void {
    for (const oldest of this.#known) {
      this.#known.delete(oldest);
      return;
    }
  }
}

function isSigned({ statement, bytes, signature }: SignedStatement): boolean {
  if (isOfSmallOrder(statement.publicKey)) return false;
  const x = Buffer.from(statement.publicKey).toString('base64url');
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return verify(null, domainAnd(bytes), key, signature);
  } catch {
    // 32 bytes that are no point of the curve.
    return false;
  }
}

function isOfSmallOrder(publicKey: Uint8Array): boolean {
  const y = Buffer.from(publicKey);
  y[31] &= 0x7f;
  return SMALL_ORDER.has(y.toString('hex'));
}

/** The signature has a fixed length, so no two statements give the same input. */
function digestOf({ bytes, signature }: SignedStatement): string {
  return createHash('sha256').update(signature).update(bytes).digest('base64');
}

function domainAnd(bytes: Uint8Array): Buffer {
  return Buffer.concat([DOMAIN, bytes]);
}

function rawPublicKey(key: KeyObject): Uint8Array {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return Uint8Array.from(Buffer.from(String(x), 'base64url'));
}
