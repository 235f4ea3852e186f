/**
 * CNI 1.1, sections 2 and 3: what a runtime asks, from environment and standard input, checked. Nothing is believed: what
 * comes out of here may stand in a command line.
 */
import type { CniCall } from '../../control/node-api.js';
import { parseMac } from '../../core/mac.js';
import { type Address, type Prefix, parseAddress, parsePrefix } from '../../wire/address.js';
import { macIsGroup, macIsZero } from '../../wire/ethernet.js';
import { ATTACHMENTS, type AttachmentName, type PortMapping } from '../pod-record.js';
import { CNI, CniError } from './error.js';
import { type CniResult, readResult } from './result.js';
import { CNI_VERSIONS, type CniVersion, isCniVersion } from './version.js';

export type CniRequest =
  | { readonly command: 'ADD' | 'CHECK'; readonly network: NetworkConfig; readonly attachment: AttachmentWords }
  | { readonly command: 'DEL'; readonly network: Pick<NetworkConfig, 'version'>; readonly attachment: AttachmentWords }
  | { readonly command: 'STATUS' | 'VERSION'; readonly network: Pick<NetworkConfig, 'version'> }
  | { readonly command: 'GC'; readonly network: StaleConfig };

export interface AttachmentWords {
  readonly containerId: string;
  readonly ifname: string;
  /** Absent only at DEL: the namespace is gone. */
  readonly netns?: string;
  /** namespace/name, of CNI_ARGS. */
  readonly pod?: string;
}

export interface NetworkConfig {
  readonly version: CniVersion;
  readonly name: string;
  readonly attach: AttachmentName;
  /** Bytes; absent: the node's. */
  readonly mtu?: number;
  readonly masquerade: boolean;
  /** `device`: the one that is handed over. `macvlan`: the parent. */
  readonly device?: string;
  /** `device`: the node's device from which the pod is reached. */
  readonly via?: string;
  /** `macvlan`: addresses of the underlay's network that pods may have. */
  readonly range: readonly Prefix[];
  readonly gateways: readonly Address[];
  /** Addresses that are asked for, at most one a family. */
  readonly ips: readonly Address[];
  readonly mac?: Uint8Array;
  readonly ports: readonly PortMapping[];
  readonly previous?: CniResult;
}

/** What GC goes by. */
export interface StaleConfig extends Pick<NetworkConfig, 'version' | 'name'> {
  /** Those that the runtime knows. */
  readonly valid: readonly { readonly containerID: string; readonly ifname: string }[];
}

const COMMANDS = ['ADD', 'DEL', 'CHECK', 'STATUS', 'GC', 'VERSION'] as const;
/** What GC is told to leave (CNI 1.1, section 2). */
const VALID = 'cni.dev/valid-attachments';
const CONTAINER_ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const LONGEST_ID = 256;
const IFNAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/;
const PATH = /^\/[\w./@:+-]+$/;

/** @throws CniError */
export function readRequest(words: CniCall): CniRequest {
  const command = COMMANDS.find((one) => one === words.command);
  if (!command) {
    throw new CniError(
      CNI.ENVIRONMENT,
      `CNI_COMMAND is ${JSON.stringify(words.command)}: it may be ${COMMANDS.join(', ')}`,
    );
  }
  const raw = parse(words.config);
  const version = versionOf(raw);
  if (command === 'VERSION' || command === 'STATUS') return { command, network: { version } };
  if (command === 'GC') return { command, network: readStale(raw, version) };
  const attachment = readAttachment(command, words);
  // What ADD refused must not keep a pod from being taken off: a runtime asks for that without end.
  if (command === 'DEL') return { command, network: { version }, attachment };
  return { command, network: readNetwork(raw, version, argsOf(words.args)), attachment };
}

/** The version for an answer to something that cannot be understood any further. */
export function versionIn(config: string): CniVersion {
  try {
    return versionOf(parse(config));
  } catch {
    return '1.0.0';
  }
}

function parse(config: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(config);
  } catch (error) {
    throw new CniError(
      CNI.DECODE,
      'the network configuration on standard input is not JSON; nothing was changed',
      String(error),
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CniError(
      CNI.DECODE,
      'the network configuration on standard input is not a JSON object; nothing was changed',
    );
  }
  return value as Record<string, unknown>;
}

/** A configuration without one is of 0.1.0, which is not spoken. */
function versionOf({ cniVersion = '0.1.0' }: Record<string, unknown>): CniVersion {
  if (isCniVersion(cniVersion)) return cniVersion;
  throw new CniError(
    CNI.VERSION,
    `CNI ${String(cniVersion)} is not spoken here: set cniVersion to one of ${CNI_VERSIONS.join(', ')}`,
  );
}

function readAttachment(command: 'ADD' | 'DEL' | 'CHECK', words: CniCall): AttachmentWords {
  const { containerId, netns, ifname } = words;
  if (!CONTAINER_ID.test(containerId) || containerId.length > LONGEST_ID) {
    throw environment('CNI_CONTAINERID', containerId, 'letters, digits, dots, hyphens and underscores');
  }
  if (!IFNAME.test(ifname))
    throw environment('CNI_IFNAME', ifname, 'an interface name of at most 15 letters and digits');
  if (netns !== '' && (!PATH.test(netns) || netns.length > 1024)) {
    throw environment('CNI_NETNS', netns, 'an absolute path without blanks');
  }
  if (netns === '' && command !== 'DEL') throw environment('CNI_NETNS', netns, 'the path of the network namespace');
  const args = argsOf(words.args);
  const name = args.get('K8S_POD_NAME');
  return {
    containerId,
    ifname,
    ...(netns !== '' && { netns }),
    ...(name !== undefined && { pod: [args.get('K8S_POD_NAMESPACE'), name].filter(Boolean).join('/') }),
  };
}

function environment(name: string, value: string, wanted: string): CniError {
  return new CniError(
    CNI.ENVIRONMENT,
    `${name} is ${JSON.stringify(value.slice(0, 300))}, and must be ${wanted}; nothing was changed`,
  );
}

/** `IgnoreUnknown=1;K8S_POD_NAME=web;IP=10.0.0.5` */
function argsOf(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(';').map((pair) => pair.split('='));
  return new Map(pairs.filter((pair) => pair.length === 2).map(([name, value]) => [name.trim(), value.trim()]));
}

function readNetwork(
  raw: Record<string, unknown>,
  version: CniVersion,
  args: ReadonlyMap<string, string>,
): NetworkConfig {
  const runtime = objectIn(raw, 'runtimeConfig');
  const conventional = objectIn(objectIn(raw, 'args'), 'cni');
  const ipam = objectIn(raw, 'ipam');
  if (ipam['type'] !== undefined && ipam['type'] !== 'podwire') {
    throw new CniError(
      CNI.UNSUPPORTED_FIELD,
      `ipam.type is ${JSON.stringify(ipam['type'])}: pods have addresses of their node's subnet, leave ipam out`,
    );
  }
  const attach = textIn(raw, 'attach') ?? 'bridge';
  const known = ATTACHMENTS.find((one) => one === attach);
  if (!known)
    throw new CniError(CNI.CONFIG, `attach is ${JSON.stringify(attach)}: it may be ${ATTACHMENTS.join(', ')}`);
  const previous = raw['prevResult'] === undefined ? undefined : readResult(raw['prevResult']);
  if (raw['prevResult'] !== undefined && !previous) throw new CniError(CNI.DECODE, 'prevResult is not a CNI result');
  const mac = textIn(runtime, 'mac') ?? textIn(conventional, 'mac') ?? args.get('MAC');
  const mtu = raw['mtu'];
  if (mtu !== undefined && !(Number.isInteger(mtu) && Number(mtu) >= 68 && Number(mtu) <= 65_535)) {
    throw new CniError(CNI.CONFIG, `mtu is ${JSON.stringify(mtu)}: it must be a number of bytes from 68 to 65535`);
  }
  const [device, via] = [nameIn(raw, 'device'), nameIn(raw, 'via')];
  return {
    version,
    name: textIn(raw, 'name') ?? '',
    attach: known,
    ...(typeof mtu === 'number' && mtu > 0 && { mtu }),
    masquerade: raw['masquerade'] === true,
    ...(device !== undefined && { device }),
    ...(via !== undefined && { via }),
    range: textsIn(raw, 'range').map((text) => readPrefix(text)),
    gateways: textsIn(raw, 'gateway').map((text) => readAddress(text, 'gateway')),
    ips: wantedAddresses([
      ...textsIn(runtime, 'ips'),
      ...textsIn(conventional, 'ips'),
      ...(args.get('IP') ?? '').split(','),
    ]),
    ...(mac !== undefined && mac !== '' && { mac: readMac(mac) }),
    ports: listIn(runtime, 'portMappings').map(readPort),
    ...(previous && { previous }),
  };
}

/** A list that says nothing takes off every pod: it must be there. Null is how Go writes an empty one. */
function readStale(raw: Record<string, unknown>, version: CniVersion): StaleConfig {
  if (raw[VALID] === undefined) {
    throw new CniError(
      CNI.CONFIG,
      `${VALID} is missing: GC takes off whatever it does not name (an empty list: all pods of the network); nothing was changed`,
    );
  }
  return {
    version,
    name: textIn(raw, 'name') ?? '',
    valid: listIn(raw, VALID).map((one) => ({
      containerID: textIn(one, 'containerID') ?? '',
      ifname: textIn(one, 'ifname') ?? '',
    })),
  };
}

function wantedAddresses(texts: readonly string[]): Address[] {
  const addresses = texts.filter((text) => text !== '').map((text) => readAddress(text.split('/')[0], 'ips'));
  for (const family of [4, 6]) {
    if (addresses.filter((one) => one.family === family).length > 1) {
      throw new CniError(CNI.CONFIG, `ips asks for more than one IPv${family} address: a pod has one a family`);
    }
  }
  return addresses;
}

function readAddress(text: string, name: string): Address {
  const address = parseAddress(text);
  if (address) return address;
  throw new CniError(CNI.CONFIG, `${name}: ${JSON.stringify(text)} is not an IP address`);
}

function readPrefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (typeof prefix !== 'string') return prefix;
  throw new CniError(CNI.CONFIG, `range: ${prefix}`);
}

function readMac(text: string): Uint8Array {
  const mac = parseMac(text);
  if (mac && !macIsGroup(mac, 0) && !macIsZero(mac, 0)) return mac;
  throw new CniError(
    CNI.CONFIG,
    `mac: ${JSON.stringify(text)} is not a station's MAC address, such as 02:00:5e:10:00:01`,
  );
}

/** The names' case is not asked for: containerd writes `HostPort`, and Go's plugins read either. */
function readPort(entry: Record<string, unknown>): PortMapping {
  const raw = Object.fromEntries(Object.entries(entry).map(([name, value]) => [name.toLowerCase(), value]));
  const { hostport: hostPort, containerport: containerPort } = raw;
  const protocol = (textIn(raw, 'protocol') || 'tcp').toLowerCase();
  const hostIP = textIn(raw, 'hostip');
  if (!isPort(hostPort) || !isPort(containerPort)) {
    throw new CniError(CNI.CONFIG, 'portMappings: hostPort and containerPort must be numbers from 1 to 65535');
  }
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') {
    throw new CniError(
      CNI.CONFIG,
      `portMappings: the protocol ${JSON.stringify(protocol)} has no ports: tcp, udp or sctp`,
    );
  }
  const anywhere = hostIP === undefined || hostIP === '' || hostIP === '0.0.0.0' || hostIP === '::';
  return { hostPort, containerPort, protocol, ...(!anywhere && { hostIP: checkedText(hostIP) }) };
}

function checkedText(hostIP: string): string {
  readAddress(hostIP, 'portMappings.hostIP');
  return hostIP;
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535;
}

function objectIn(raw: Record<string, unknown>, name: string): Record<string, unknown> {
  const value = raw[name] ?? {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CniError(CNI.CONFIG, `${name} must be an object`);
}

function listIn(raw: Record<string, unknown>, name: string): Record<string, unknown>[] {
  const value = raw[name] ?? [];
  if (Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null)) return value;
  throw new CniError(CNI.CONFIG, `${name} must be a list of objects`);
}

function textIn(raw: Record<string, unknown>, name: string): string | undefined {
  const value = raw[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw new CniError(CNI.CONFIG, `${name} must be text`);
}

function nameIn(raw: Record<string, unknown>, name: string): string | undefined {
  const value = textIn(raw, name);
  if (value === undefined || IFNAME.test(value)) return value;
  throw new CniError(CNI.CONFIG, `${name} is ${JSON.stringify(value)}, and must be the name of a network device`);
}

/** One text, or a list of them. */
function textsIn(raw: Record<string, unknown>, name: string): string[] {
  const value = [raw[name] ?? []].flat();
  if (value.every((one) => typeof one === 'string')) return value;
  throw new CniError(CNI.CONFIG, `${name} must be text or a list of texts`);
}
