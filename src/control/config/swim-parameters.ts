/** The parameters of the membership protocol that `gossip.tune` may replace: all that are numbers and have no key of their own. */
import { LAN } from '../../core/swim/profile.js';

export const SWIM_PARAMETERS: readonly string[] = Object.entries(LAN)
  .filter(([name, value]) => typeof value === 'number' && name !== 'forgetAfter')
  .map(([name]) => name);
