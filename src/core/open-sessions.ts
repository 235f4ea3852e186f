/** The datagrams of an insecure cluster (`gossip.insecure`): as they are, from anybody. */
import { MAX_PLAIN } from '../wire/sealed.js';
import type { DatagramSessions, SessionOutputs } from './channel.js';
import { OpenStream } from './open-stream.js';
import { sessionCounts } from './session-counters.js';

export class OpenSessions<Via> implements DatagramSessions<Via> {
  readonly counts = sessionCounts();
  readonly #outputs: SessionOutputs<Via>;

  constructor(outputs: SessionOutputs<Via>) {
    this.#outputs = outputs;
  }

  seal(plain: Uint8Array): Uint8Array {
    return plain;
  }

  open(datagram: Uint8Array, via: Via): void {
    if (datagram.length > MAX_PLAIN) {
      this.counts.malformed++;
      return;
    }
    this.counts.delivered++;
    this.#outputs.deliver(Uint8Array.from(datagram), via);
  }

  trust(): void {
    // Everybody is.
  }

  openStream(): OpenStream {
    return new OpenStream();
  }
}
