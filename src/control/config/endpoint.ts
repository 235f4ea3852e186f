/** Where a node can be asked to join, as text: `ADDRESS`, `ADDRESS:PORT`, `[V6]:PORT`. Pure. */
import { type Address, formatAddress, parseAddress } from '../../wire/address.js';
import type { Endpoint } from './node-config.js';

/** As it is written: without a port it is the one that all nodes gossip on. */
export interface WrittenEndpoint {
  readonly address: Address;
  readonly port: number | undefined;
}

/** `[2001:db8::1]:7946`, `192.0.2.1:7946`; what has colons and no brackets is an IPv6 address without a port. */
const FORM = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/;

/** The endpoint, or words that say what is wrong. */
export function parseEndpoint(text: string): WrittenEndpoint | string {
  const [, bracketed, bare, digits] = FORM.exec(text) ?? ['', undefined, text];
  const address = parseAddress(bracketed ?? bare ?? '');
  const port = digits === undefined ? undefined : Number(digits);
  if (!address || (bracketed !== undefined && address.family === 4)) {
    return `${JSON.stringify(text)} is not an address to join: write 192.0.2.1, 192.0.2.1:7946 or [2001:db8::1]:7946`;
  }
  if (port !== undefined && (port < 1 || port > 65_535)) {
    return `${JSON.stringify(text)} has no port: write one from 1 to 65535`;
  }
  return { address, port };
}

export function formatEndpoint({ address, port }: Endpoint): string {
  const text = formatAddress(address);
  return address.family === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}
