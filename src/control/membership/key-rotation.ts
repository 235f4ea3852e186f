/**
 * Changing the ring key of a running cluster: `key add` on every node, then `key use` on every node, then `key remove` on
 * every node. A step that would cut somebody off is refused. What each node holds is in its signed card. Pure.
 */
import { formatKeyId, type Keyring } from '../../core/keyring.js';
import { PodwireError } from '../../wire/error.js';
import type { Statement } from '../../wire/gossip/statement.js';
import type { KeyStatus } from '../node-api.js';

/** @param present nodes that are alive or suspected, this one too */
export function keyStatuses(ring: Keyring, present: readonly Statement[]): KeyStatus[] {
  return ring.ids.map((id, index) => ({
    id: formatKeyId(id),
    sealing: index === 0,
    members: present.filter(({ keys }) => keys.includes(id)).length,
    alive: present.length,
    missing: present.filter(({ keys }) => !keys.includes(id)).map(({ node }) => node),
    sealers: present.filter(({ keys }) => keys[0] === id).map(({ node }) => node),
  }));
}

/**
 * The ring that seals with another key: safe once everybody can open it.
 * @throws PodwireError REFUSED naming who cannot; CONFIG: there is no such key
 */
export function useKey(ring: Keyring, id: number, present: readonly Statement[]): Keyring {
  const missing = present.filter(({ keys }) => !keys.includes(id)).map(({ node }) => node);
  const next = ring.use(id);
  if (missing.length > 0) {
    throw refused(`${names(missing)} would not understand key ${formatKeyId(id)}: run 'podwire key add' there first`);
  }
  return next;
}

/**
 * The ring without a key: safe once nobody seals with it.
 * @throws PodwireError REFUSED naming who does; CONFIG: there is no such key, or it is the one that seals
 */
export function removeKey(ring: Keyring, id: number, present: readonly Statement[]): Keyring {
  const next = ring.remove(id);
  const sealers = present.filter(({ keys }) => keys[0] === id).map(({ node }) => node);
  if (sealers.length > 0) {
    throw refused(`${names(sealers)} still seals with key ${formatKeyId(id)}: run 'podwire key use' there first`);
  }
  return next;
}

function refused(words: string): PodwireError {
  return new PodwireError('REFUSED', `${words}; nothing was changed`);
}

/** The first few. */
function names(nodes: readonly string[]): string {
  const shown = nodes.slice(0, 5).join(', ');
  return nodes.length > 5 ? `${shown} and ${nodes.length - 5} more` : shown;
}
