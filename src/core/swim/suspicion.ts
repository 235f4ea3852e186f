import { DeadlineHeap, type Due } from './deadline-heap.js';
import { confirmationsWanted, type SwimProfile, suspicionMax, suspicionMin, suspicionTimeout } from './profile.js';
import type { NodeId } from './types.js';

interface Suspicion extends Due {
  readonly node: NodeId;
  /** ms */
  begun: number;
  /** ms */
  readonly min: number;
  readonly max: number;
  /** Confirmations that still shorten it. */
  readonly wanted: number;
  /** Who accuses; the first one began it, each other one confirmed it. */
  readonly accusers: NodeId[];
}

/** Who is under suspicion, and when each suspicion turns into death (Lifeguard §IV-B). */
export class Suspicions {
  readonly #profile: SwimProfile;
  readonly #byNode = new Map<NodeId, Suspicion>();
  readonly #heap = new DeadlineHeap<Suspicion>();

  constructor(profile: SwimProfile) {
    this.#profile = profile;
  }

  /** When the next suspicion runs out, ms; Infinity if there is none. */
  get nextAt(): number {
    return this.#heap.first?.deadline ?? Number.POSITIVE_INFINITY;
  }

  /**
   * A suspicion, in place of a former one of that node.
   * @param n members alive or suspect, this node too
   */
  begin(node: NodeId, from: NodeId, n: number, now: number): void {
    this.end(node);
    const min = suspicionMin(this.#profile, n);
    const max = suspicionMax(this.#profile, n);
    const wanted = confirmationsWanted(this.#profile, n);
    const deadline = now + suspicionTimeout(min, max, wanted, 0);
    const suspicion = { node, begun: now, min, max, wanted, accusers: [from], deadline, place: 0 };
    this.#byNode.set(node, suspicion);
    this.#heap.add(suspicion);
  }

  /** Another accuser shortens the suspicion. Returns false if that is no news, or enough have confirmed it already. */
  confirm(node: NodeId, from: NodeId, now: number): boolean {
    const suspicion = this.#byNode.get(node);
    if (suspicion === undefined) return false;
    const { accusers, begun, wanted, min, max } = suspicion;
    if (accusers.length > wanted || accusers.includes(from)) return false;
    accusers.push(from);
    suspicion.deadline = Math.max(now, begun + suspicionTimeout(min, max, wanted, accusers.length - 1));
    this.#heap.moved(suspicion);
    return true;
  }

  end(node: NodeId): void {
    const suspicion = this.#byNode.get(node);
    if (suspicion === undefined) return;
    this.#byNode.delete(node);
    this.#heap.remove(suspicion);
  }

  /** Whose suspicion has run out; it stays until it is ended. */
  expired(now: number): NodeId | undefined {
    const first = this.#heap.first;
    return first !== undefined && first.deadline <= now ? first.node : undefined;
  }

  /** This node was not there for `ms`: no accused could be heard meanwhile. */
  postpone(ms: number): void {
    for (const suspicion of this.#byNode.values()) suspicion.begun += ms;
    this.#heap.postpone(ms);
  }
}
