/** What is remembered against what is there: leaks, and what somebody took away. Pure. */
import { BRIDGE } from '../control/desired-host.js';
import { deviceName } from './device-name.js';
import type { NodeLink } from './kernel.js';
import { COMMON } from './macvlan-guard.js';
import { type PodRecord, podKey } from './pod-record.js';
import type { Pod, PodTable } from './pod-table.js';
import { unknownDevices } from './recovery.js';

export type AuditProblem =
  /** The pod is no more, and nobody said so: its address is taken for nothing. */
  | { readonly kind: 'stale'; readonly record: PodRecord; readonly words: string }
  /** A device of ours that no pod has. */
  | { readonly kind: 'unknown'; readonly device: string; readonly words: string }
  /** The rules against forged addresses are not as they must be. */
  | { readonly kind: 'guard'; readonly words: string }
  /** Somebody else's: theirs to mend. */
  | { readonly kind: 'foreign'; readonly words: string };

export interface AuditFacts {
  readonly table: PodTable;
  /** Of the node. */
  readonly links: readonly NodeLink[];
  /** Keys of pods whose namespace is not there any more. */
  readonly withoutNamespace: ReadonlySet<string>;
  /** The guards' tables as text. */
  readonly guard: string | undefined;
}

export function auditProblems({ table, links, withoutNamespace, guard = '' }: AuditFacts): AuditProblem[] {
  const names = new Set(links.map(({ name }) => name));
  // One that is being made, or taken back, is not what it will be.
  const pods = [...table.pods()].filter(({ whole }) => whole);
  const stale = pods.flatMap((pod) => staleness(pod, names, withoutNamespace));
  const staleKeys = new Set(stale.map(({ record }) => podKey(record)));
  const living = pods.filter(({ record }) => !staleKeys.has(podKey(record)));
  const chains = new Set([...guard.matchAll(/^\tchain (\S+) \{$/gm)].map(([, name]) => name));
  const known = new Set([...table.pods()].map(({ record }) => chainOf(record)));
  return [
    ...stale,
    ...unknownDevices(table, links).map(
      (device): AuditProblem => ({
        kind: 'unknown',
        device,
        words: `${device} leads to no pod that is remembered`,
      }),
    ),
    ...living
      .filter(({ record }) => isGuarded(record) && names.has(record.device) && !chains.has(chainOf(record)))
      .map(
        ({ record }): AuditProblem => ({
          kind: 'guard',
          words: `no rules against forged addresses at ${record.device}`,
        }),
      ),
    ...[...chains]
      .filter((chain) => !known.has(chain) && !chain.startsWith(COMMON))
      .map((chain): AuditProblem => ({ kind: 'guard', words: `rules for ${chain}, which no pod has` })),
    ...links
      .filter(({ name, master }) => master === BRIDGE && !name.startsWith('pw'))
      .map(
        ({ name }): AuditProblem => ({ kind: 'foreign', words: `${name} is a port of ${BRIDGE} and not podwire's` }),
      ),
  ];
}

/** Of the guard's rules for a pod. */
function chainOf(record: PodRecord): string {
  return record.underlay ? deviceName(podKey(record)) : record.device;
}

function isGuarded({ shared, underlay }: PodRecord): boolean {
  return underlay !== undefined || !shared;
}

function staleness(
  { record }: Pod,
  links: ReadonlySet<string>,
  withoutNamespace: ReadonlySet<string>,
): Extract<AuditProblem, { kind: 'stale' }>[] {
  const who = `${record.pod ?? record.containerId} holds ${record.addresses.join(', ')}`;
  if (withoutNamespace.has(podKey(record))) {
    return [{ kind: 'stale', record, words: `${who}, and its namespace ${record.netns} is gone` }];
  }
  if (links.has(record.device)) return [];
  return [{ kind: 'stale', record, words: `${who}, and its device ${record.device} is gone` }];
}
