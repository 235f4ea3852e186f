/**
 * An IPv4 and an IPv6 underlay as one edge. A record's address says which of the two sends it; each turn begins to receive
 * at the other one, so that neither keeps the other waiting.
 */
import { ADDRESS, Batch, LENGTH, RECORD, STATUS } from '../bytes/batch.js';
import type { UnderlayCapabilities, UnderlayEdge } from '../dataplane/edges.js';
import { isMapped, V4_MAPPED } from '../wire/address.js';

export class DualUnderlay implements UnderlayEdge {
  readonly capabilities: UnderlayCapabilities;
  readonly #v4: UnderlayEdge;
  readonly #v6: UnderlayEdge;
  /** For batches that go to both: their records, sorted. One pair for each batch that is ever sent, and these are few. */
  readonly #sorted = new WeakMap<Batch, { v4: Batch; v6: Batch }>();
  #v6First = false;

  constructor(v4: UnderlayEdge, v6: UnderlayEdge) {
    this.#v4 = v4;
    this.#v6 = v6;
    this.capabilities = {
      maxSegments: Math.min(v4.capabilities.maxSegments, v6.capabilities.maxSegments),
      sourcePorts: Math.min(v4.capabilities.sourcePorts, v6.capabilities.sourcePorts),
    };
  }

  receive(batch: Batch): number {
    this.#v6First = !this.#v6First;
    const [first, second] = this.#v6First ? [this.#v6, this.#v4] : [this.#v4, this.#v6];
    const received = first.receive(batch);
    return batch.full ? received : received + second.receive(batch);
  }

  send(batch: Batch): number {
    let four = 0;
    for (let i = 0; i < batch.count; i++) if (isV4(batch.records, i)) four++;
    if (four === batch.count) return this.#v4.send(batch);
    return four === 0 ? this.#v6.send(batch) : this.#sendBoth(batch);
  }

  pathMtu(a: number, b: number, c: number, d: number): number {
    const edge = a === 0 && b === 0 && c === V4_MAPPED ? this.#v4 : this.#v6;
    return edge.pathMtu(a, b, c, d);
  }

  onReadable(listener: () => void): void {
    this.#v4.onReadable(listener);
    this.#v6.onReadable(listener);
  }

  close(): void {
    this.#v4.close();
    this.#v6.close();
  }

  #sendBoth(batch: Batch): number {
    const { v4, v6 } = this.#sort(batch);
    const sent = this.#v4.send(v4) + this.#v6.send(v6);
    let at4 = 0;
    let at6 = 0;
    for (let i = 0; i < batch.count; i++) {
      const { records } = isV4(batch.records, i) ? v4 : v6;
      const row = RECORD * (records === v4.records ? at4++ : at6++);
      batch.records[i * RECORD + STATUS] = records[row + STATUS];
      batch.records[i * RECORD + LENGTH] = records[row + LENGTH]; // less, if part of it was sent
    }
    return sent;
  }

  #sort(batch: Batch): { v4: Batch; v6: Batch } {
    let sorted = this.#sorted.get(batch);
    if (!sorted) {
      const part = () => new Batch(batch.bytes, batch.start, batch.end, batch.capacity);
      sorted = { v4: part(), v6: part() };
      this.#sorted.set(batch, sorted);
    }
    sorted.v4.clear();
    sorted.v6.clear();
    for (let i = 0; i < batch.count; i++) {
      const to = isV4(batch.records, i) ? sorted.v4 : sorted.v6;
      to.records.set(batch.records.subarray(i * RECORD, (i + 1) * RECORD), to.count++ * RECORD);
    }
    return sorted;
  }
}

function isV4(records: Int32Array, index: number): boolean {
  return isMapped(records, index * RECORD + ADDRESS);
}
