/**
 * What two nodes say over a stream. Once both have proved that they hold a key of the ring and are no recording, the one
 * that connected asks, the other answers:
 *
 * ```
 *   asker      hello ->            state … last ->                       or   ping ->
 *   answerer         <- hello                      <- state … last                 <- ack
 * ```
 *
 * The answerer merges before it answers, so the asker gets all that either knew. Every stream is bounded: one question,
 * so many records, a size of a message (src/core/channel.ts) and, by its transport, a time.
 */
import type { GossipStream, StreamPeer } from '../../core/channel.js';
import {
  decodeStream,
  encodeState,
  encodeStreamAck,
  encodeStreamPing,
  type NamedRecord,
  StateParts,
  type StreamMessage,
} from '../../wire/gossip/stream.js';
import type { AcceptedStream, StreamEnd, StreamListener } from './transport.js';

/** What a node puts into its streams and takes out of them. */
export interface ExchangeHost {
  readonly node: string;
  pushState(): Iterable<NamedRecord>;
  mergeState(records: readonly NamedRecord[]): void;
  /** The other side's process has just proved that it lives. */
  trust(peer: StreamPeer): void;
}

export type Question =
  | { readonly kind: 'state' }
  | { readonly kind: 'ping'; readonly seq: number; readonly target: string };

/** Why an exchange did not come to its end; undefined: it did. */
export type Outcome = string | undefined;

abstract class Exchange implements StreamListener {
  protected readonly host: ExchangeHost;
  readonly #seal: GossipStream;
  readonly #stream: () => StreamEnd;
  #ready = false;
  readonly #parts = new StateParts();

  constructor(host: ExchangeHost, seal: GossipStream, stream: () => StreamEnd) {
    this.host = host;
    this.#seal = seal;
    this.#stream = stream;
  }

  /** Whether the other side has proved that it holds a key. */
  get proven(): boolean {
    return this.#ready;
  }

  data(bytes: Uint8Array): void {
    const { write, messages, ready, closed } = this.#seal.receive(bytes);
    if (write) this.#stream().write(write);
    if (ready && !this.#ready) {
      this.#ready = true;
      if (this.#seal.peer) this.host.trust(this.#seal.peer);
      this.opened();
    }
    for (const plain of messages) {
      const message = decodeStream(plain);
      if (typeof message === 'string') {
        this.#stream().destroy();
        return;
      }
      this.heard(message);
    }
    if (closed !== undefined) this.#stream().destroy();
  }

  abstract closed(reason?: string): void;
  protected abstract opened(): void;
  protected abstract heard(message: StreamMessage): void;

  protected say(message: Uint8Array): void {
    this.#stream().write(this.#seal.seal(message));
  }

  protected sayState(): void {
    for (const part of encodeState(this.host.node, this.host.pushState())) this.say(part);
  }

  /** Collects a state, and merges it with its last part. @returns whether that was it */
  protected take(message: StreamMessage): boolean {
    if (message.kind !== 'state') return false;
    const whole = this.#parts.add(message);
    if (typeof whole === 'string') this.#stream().destroy();
    if (whole === undefined || typeof whole === 'string') return false;
    this.host.mergeState(whole.records);
    return true;
  }

  protected end(): void {
    this.#stream().end();
  }
}

/** The side that connected. */
export class Asker extends Exchange {
  readonly #question: Question;
  readonly #done: (outcome: Outcome) => void;
  #answered = false;

  constructor(
    host: ExchangeHost,
    seal: GossipStream,
    stream: () => StreamEnd,
    question: Question,
    done: (outcome: Outcome) => void,
  ) {
    super(host, seal, stream);
    this.#question = question;
    this.#done = done;
  }

  protected opened(): void {
    const question = this.#question;
    if (question.kind === 'ping') this.say(encodeStreamPing(question.seq, question.target));
    else this.sayState();
  }

  protected heard(message: StreamMessage): void {
    if (this.#answered) return;
    const question = this.#question;
    const acked = question.kind === 'ping' && message.kind === 'ack' && message.seq === question.seq;
    if (!acked && !(question.kind === 'state' && this.take(message))) return;
    this.#answered = true;
    this.end();
    this.#done(undefined);
  }

  closed(reason?: string): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#done(reason ?? 'it closed the connection: has it the same key?');
  }
}

/** The side that was connected to. */
export class Answerer extends Exchange implements AcceptedStream {
  #answered = false;

  protected opened(): void {}

  protected heard(message: StreamMessage): void {
    // An answer may be large, and waits in memory until it is read: nobody gets two of them.
    if (this.#answered) return;
    if (message.kind === 'ping' && message.target === this.host.node) {
      this.#answered = true;
      this.say(encodeStreamAck(message.seq));
    } else if (this.take(message)) {
      this.#answered = true;
      this.sayState();
    }
  }

  closed(): void {}
}
