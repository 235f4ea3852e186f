/**
 * The paths to each peer, one for each underlay family that both have: a path monitor watches each of them. Traffic takes
 * the preferred family until its path is down and the other is not, and comes back when it answers again.
 */
import type { Family } from '../wire/address.js';
import {
  type PathChange,
  PathMonitor,
  type PathMonitorOptions,
  type PathReading,
  type ProbedNode,
} from './path-monitor.js';
import { FAMILIES } from './underlay.js';

export interface WatchedNode extends ProbedNode {
  /** Families that both have, the one that traffic takes first. */
  readonly families: readonly Family[];
}

export interface FamilyReading extends PathReading {
  /** Why traffic takes another family than it would, in words. */
  readonly detour?: string;
}

/** Called from within the methods here; must not call back into them. */
export interface FamilyPathsOutputs {
  send(node: string, family: Family, frame: Uint8Array): void;
  notify(change: PathChange): void;
  /** `avoided` says something else of this node now. */
  turned(node: string): void;
  /** A padded request of this size has arrived, on the path that the node's traffic takes. */
  arrived?(node: string, size: number): void;
}

export class FamilyPaths {
  readonly #outputs: FamilyPathsOutputs;
  readonly #monitors: ReadonlyMap<Family, PathMonitor>;
  readonly #families = new Map<string, readonly Family[]>();
  /** As it was told last. */
  readonly #avoided = new Map<string, string>();

  constructor(options: PathMonitorOptions, outputs: FamilyPathsOutputs) {
    this.#outputs = outputs;
    this.#monitors = new Map(
      FAMILIES.map((family) => {
        const send = (node: string, frame: Uint8Array) => outputs.send(node, family, frame);
        const notify = (change: PathChange) => this.#notify(family, change);
        const arrived = (node: string, size: number) => {
          if (this.#families.get(node)?.[0] === family) outputs.arrived?.(node, size);
        };
        return [family, new PathMonitor(options, { send, notify, arrived })];
      }),
    );
  }

  setKeys(keys: readonly Uint8Array[]): void {
    for (const monitor of this.#monitors.values()) monitor.setKeys(keys);
  }

  setPeers(peers: readonly WatchedNode[], now: number): void {
    this.#families.clear();
    for (const { node, families } of peers) this.#families.set(node, families);
    for (const node of this.#avoided.keys()) if (!this.#families.has(node)) this.#avoided.delete(node);
    for (const [family, monitor] of this.#monitors) {
      monitor.setPeers(
        peers.filter(({ families }) => families.includes(family)),
        now,
      );
    }
  }

  wakeAt(): number {
    return Math.min(...[...this.#monitors.values()].map((monitor) => monitor.wakeAt()));
  }

  wake(now: number): void {
    for (const monitor of this.#monitors.values()) if (monitor.wakeAt() <= now) monitor.wake(now);
  }

  /** @param family of the address that it came from */
  handleFrame(node: string, family: Family, frame: Uint8Array, now: number): void {
    this.#monitors.get(family)?.handleFrame(node, frame, now);
  }

  /** Sends a padded request on the path that the node's traffic takes (`PathMonitor.askPadded`). */
  askPadded(node: string, size: number, payload: number, now: number): void {
    this.#taken(node)?.askPadded(node, size, payload, now);
  }

  /** Small probes pass on the path that the node's traffic takes. */
  alive(node: string): boolean {
    return this.#taken(node)?.alive(node) ?? false;
  }

  /** Families over which a peer does not answer. */
  avoided(node: string): Family[] {
    const families = this.#families.get(node) ?? [];
    return FAMILIES.filter((family) => families.includes(family) && this.#state(node, family) === 'down');
  }

  /** What is known of the path that a peer's traffic takes. */
  reading(node: string): FamilyReading | undefined {
    const families = this.#families.get(node) ?? [];
    const [taken] = families;
    const reading = taken && this.#monitors.get(taken)?.reading(node);
    if (!reading || reading.state === 'down') return reading;
    const [dark] = families.filter((family) => this.#state(node, family) === 'down');
    if (!dark) return reading;
    return { ...reading, detour: `${node} does not answer over IPv${dark}, its traffic goes over IPv${taken}` };
  }

  #taken(node: string): PathMonitor | undefined {
    const [taken] = this.#families.get(node) ?? [];
    return taken && this.#monitors.get(taken);
  }

  #state(node: string, family: Family): PathReading['state'] | undefined {
    return this.#monitors.get(family)?.reading(node)?.state;
  }

  #notify(family: Family, change: PathChange): void {
    const { node, words } = change;
    const several = (this.#families.get(node)?.length ?? 0) > 1;
    this.#outputs.notify(several ? { ...change, words: `over IPv${family}: ${words}` } : change);
    const avoided = this.avoided(node).join();
    if (!several || avoided === (this.#avoided.get(node) ?? '')) return;
    this.#avoided.set(node, avoided);
    this.#outputs.turned(node);
  }
}
