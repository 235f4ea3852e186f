/** Something that is due at a time. */
export interface Due {
  /** ms; after a change the heap must be told by `moved`. */
  deadline: number;
  /** Where it lies in its heap: the heap's own business. */
  place: number;
}

/** A binary heap by deadline. What is taken out is gone at once: no timer of something past can fire. */
export class DeadlineHeap<T extends Due> {
  readonly #heap: T[] = [];

  /** What is due first. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  add(due: T): void {
    this.#heap.push(due);
    this.#rise(due, this.#heap.length - 1);
  }

  remove(due: T): void {
    const last = this.#heap.pop();
    if (last === undefined || last === due) return;
    last.place = due.place;
    this.moved(last);
  }

  /** Its deadline has changed. */
  moved(due: T): void {
    this.#rise(due, due.place);
    this.#sink(due, due.place);
  }

  /** All deadlines later by `ms`; their order stays. */
  postpone(ms: number): void {
    for (const due of this.#heap) due.deadline += ms;
  }

  #rise(due: T, place: number): void {
    let at = place;
    while (at > 0) {
      const parent = this.#heap[(at - 1) >> 1];
      if (parent.deadline <= due.deadline) break;
      this.#put(parent, at);
      at = (at - 1) >> 1;
    }
    this.#put(due, at);
  }

  #sink(due: T, place: number): void {
    let at = place;
    for (let child = 2 * at + 1; child < this.#heap.length; child = 2 * at + 1) {
      if (child + 1 < this.#heap.length && this.#heap[child + 1].deadline < this.#heap[child].deadline) child++;
      if (this.#heap[child].deadline >= due.deadline) break;
      this.#put(this.#heap[child], at);
      at = child;
    }
    this.#put(due, at);
  }

  #put(due: T, place: number): void {
    this.#heap[place] = due;
    due.place = place;
  }
}
