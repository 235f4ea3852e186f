/** The underlay address of the message before, and whose it is: like last-pair.ts, for outer addresses. */
import { NOBODY } from '../core/forwarding/change.js';
import type { ForwardingReader } from '../core/forwarding/forwarding-reader.js';

export class LastSender {
  #peer = NOBODY;
  #edition = 0;
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  /** To be called as a turn begins: the table may have changed. @param edition `ForwardingReader.edition` */
  begin(edition: number): void {
    if (edition === this.#edition) return;
    this.#edition = edition;
    this.#peer = NOBODY;
  }

  /** HOT. `table.sender` of the address that stands in `records` from word `at` on; strangers are not remembered. */
  peer(table: ForwardingReader, records: Int32Array, at: number): number {
    const a = records[at];
    const b = records[at + 1];
    const c = records[at + 2];
    const d = records[at + 3];
    if (d === this.#d && c === this.#c && b === this.#b && a === this.#a && this.#peer !== NOBODY) return this.#peer;
    const peer = table.sender(a, b, c, d);
    if (peer !== NOBODY) {
      this.#peer = peer;
      this.#a = a;
      this.#b = b;
      this.#c = c;
      this.#d = d;
    }
    return peer;
  }
}
