/** Names of what the node makes for a pod: the same for the same pod, so that it is found again without a memory. */
import { createHash } from 'node:crypto';
import { formatMac } from '../core/mac.js';
import { type Address, formatAddress } from '../wire/address.js';

/** `pw` and 60 bits: 14 characters, of which the kernel takes 15. */
export const DEVICE_NAME = /^pw[0-9a-v]{12}$/;

/** The node's end of a pod's cable. */
export function deviceName(key: string): string {
  const digest = createHash('sha256').update(key).digest();
  return `pw${digest.readBigUInt64BE().toString(32).padStart(13, '0').slice(-12)}`;
}

/**
 * A pod's MAC follows from its address: who remembers the address of a former pod remembers the right MAC of the next one.
 */
export function macOfAddress(address: Address): string {
  return derived(`pod ${formatAddress(address)}`);
}

/** Of the node's end of a cable. */
export function macOfDevice(device: string): string {
  return derived(`device ${device}`);
}

const SIBLING = 'pwmv-';
const MOST_OF_PARENT = 15 - SIBLING.length;

/** The node's macvlan beside its pods', on a device: `pwmv-eth0`; a long name is a hash. */
export function siblingName(parent: string): string {
  if (parent.length <= MOST_OF_PARENT) return SIBLING + parent;
  return SIBLING + createHash('sha256').update(parent).digest('hex').slice(0, MOST_OF_PARENT);
}

export function isSibling(device: string): boolean {
  return device.startsWith(SIBLING);
}

/** Others share the network: no two nodes may have the same. @param mac the parent's */
export function macOfSibling(mac: string): string {
  return derived(`sibling ${mac}`);
}

/** Administered locally, of one station. */
function derived(text: string): string {
  const mac = new Uint8Array(createHash('sha256').update(`podwire ${text}`).digest().subarray(0, 6));
  mac[0] = (mac[0] & 0xfc) | 0x02;
  return formatMac(mac);
}
