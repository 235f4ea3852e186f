/** Where a node can be asked to join, as text: an address or a host's name, and a port: `ADDRESS:PORT`, `[V6]:PORT`. Pure. */
import { type Address, formatAddress, parseAddress } from '../../wire/address.js';
import type { Endpoint, Seed } from './node-config.js';

/** As it is written: without a port it is the one that all nodes gossip on. */
export type WrittenEndpoint = ({ readonly address: Address } | { readonly host: string }) & {
  readonly port: number | undefined;
};

/** `[2001:db8::1]:7946`, `192.0.2.1:7946`; what has colons and no brackets is an IPv6 address without a port. */
const FORM = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d+))?$/;

/** RFC 1123 §2.1, and the underscore that some names have; one that ends in digits alone would be a misspelt address. */
const HOST =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** The endpoint, or words that say what is wrong. */
export function parseEndpoint(text: string): WrittenEndpoint | string {
  const [, bracketed, bare, digits] = FORM.exec(text) ?? ['', undefined, text];
  const address = parseAddress(bracketed ?? bare ?? '');
  const port = digits === undefined ? undefined : Number(digits);
  const host = bare?.replace(/\.$/, '');
  const isHost = !address && host !== undefined && HOST.test(host);
  if (!isHost && (!address || (bracketed !== undefined && address.family === 4))) {
    return `${JSON.stringify(text)} is not an address to join: write 192.0.2.1, 192.0.2.1:7946, [2001:db8::1]:7946 or seed.example:7946`;
  }
  if (port !== undefined && (port < 1 || port > 65_535)) {
    return `${JSON.stringify(text)}: ${digits} is no port: write one from 1 to 65535`;
  }
  return address ? { address, port } : { host: host ?? '', port };
}

export function formatSeed(seed: Seed): string {
  return 'host' in seed ? `${seed.host}:${seed.port}` : formatEndpoint(seed);
}

export function formatEndpoint({ address, port }: Endpoint): string {
  const text = formatAddress(address);
  return address.family === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}
