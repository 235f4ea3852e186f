/** MAC addresses of VTEPs: as text, and derived from a node's name. */
import { createHash } from 'node:crypto';

/**
 * The MAC of a node that has told no other: every node derives the same one from the same name. Locally administered
 * and unicast: 46 bits of SHA-256.
 */
export function macFromName(name: string): Uint8Array {
  const mac = new Uint8Array(createHash('sha256').update('podwire mac\0').update(name).digest().subarray(0, 6));
  mac[0] = (mac[0] & 0b1111_1100) | 0b0000_0010;
  return mac;
}

/** Reads `02:00:5e:10:00:01`, letters in either case; undefined if it is no MAC address. */
export function parseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (octet) => Number.parseInt(octet, 16));
}

/** Why no node may have this MAC; undefined: one may. */
export function macProblem(mac: Uint8Array): string | undefined {
  const text = formatMac(mac);
  if (mac[0] & 1) return `${text} is a group's address: a node needs its own, with an even first byte`;
  return mac.every((byte) => byte === 0) ? `${text} is nobody's address` : undefined;
}

/** Writes `02:00:5e:10:00:01`. */
export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}
