/** The stream of an insecure cluster: a message a frame, and no proof of anything. */
import { PodwireError } from '../wire/error.js';
import { FrameReader, frame } from '../wire/frames.js';
import { MAX_MESSAGE } from '../wire/gossip/stream.js';
import type { GossipStream, StreamStep } from './channel.js';

export class OpenStream implements GossipStream {
  readonly peer = undefined;
  readonly #reader = new FrameReader();
  #closed = false;

  start(): Uint8Array {
    return new Uint8Array(0);
  }

  receive(chunk: Uint8Array): StreamStep {
    const messages: Uint8Array[] = [];
    if (!this.#closed) this.#reader.feed(chunk);
    while (!this.#closed) {
      const message = this.#reader.next(MAX_MESSAGE);
      if (message === undefined) return { messages, ready: true };
      if (message === 'too_large') this.#closed = true;
      else messages.push(message);
    }
    return { messages, ready: false, closed: 'too_large' };
  }

  seal(plain: Uint8Array): Uint8Array {
    if (plain.length > MAX_MESSAGE) {
      throw new PodwireError('INTERNAL', `a message of ${plain.length} bytes, ${MAX_MESSAGE} at most: it was not sent`);
    }
    return frame(plain);
  }
}
