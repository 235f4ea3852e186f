/** Processes that exchange sealed datagrams over a wire that tests can tap: what is sent lies there until it is moved. */
import { createHash } from 'node:crypto';
import { Keyring } from '../../../src/core/keyring.js';
import type { RandomBytes } from '../../../src/core/own-session.js';
import { Sessions } from '../../../src/core/sessions.js';

export const KEY = new Uint8Array(32).fill(0x11);
export const OTHER_KEY = new Uint8Array(32).fill(0x22);
export const RING = Keyring.of([KEY]);

/** Bytes that look random and are the same in each run. */
export function countedBytes(name: string): RandomBytes {
  let calls = 0;
  return (count) => {
    const digest = createHash('sha512').update(`${name} ${calls++}`).digest();
    return digest.subarray(0, count);
  };
}

export interface Sent {
  readonly from: string;
  readonly to: string;
  readonly datagram: Uint8Array;
}

export class Process {
  readonly name: string;
  readonly sessions: Sessions<string>;
  /** What was delivered: its text, and where it came from. */
  readonly heard: string[] = [];
  readonly #wire: Wire;

  constructor(wire: Wire, name: string, ring: Keyring, life: number) {
    this.name = name;
    this.#wire = wire;
    this.sessions = new Sessions(
      ring,
      countedBytes(`${name} ${life}`),
      {
        deliver: (plain, via) => this.heard.push(`${via}: ${Buffer.from(plain)}`),
        send: (datagram, via) => wire.send({ from: name, to: via, datagram }),
      },
      wire.nowMs,
    );
  }

  say(text: string, to: string): Uint8Array {
    const datagram = this.sessions.seal(Buffer.from(text), this.#wire.nowMs);
    this.#wire.send({ from: this.name, to, datagram });
    return datagram;
  }
}

export class Wire {
  nowMs = 100_000;
  /** Everything that was ever sent. */
  readonly sent: Sent[] = [];
  readonly #processes = new Map<string, Process>();
  #moving: Sent[] = [];
  #lives = 0;

  /** A process of that name, in place of the one that had it. */
  start(name: string, ring: Keyring = RING): Process {
    const process = new Process(this, name, ring, this.#lives++);
    this.#processes.set(name, process);
    return process;
  }

  send(sent: Sent): void {
    this.sent.push(sent);
    this.#moving.push(sent);
  }

  /** Moves what lies on the wire, and what is sent as it arrives. */
  move(): void {
    for (let next = this.#moving.shift(); next; next = this.#moving.shift()) {
      this.#processes.get(next.to)?.sessions.open(next.datagram, next.from, this.nowMs);
    }
  }

  /** Loses what lies on the wire. */
  lose(): Sent[] {
    const lost = this.#moving;
    this.#moving = [];
    return lost;
  }
}
