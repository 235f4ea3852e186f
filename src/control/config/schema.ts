/**
 * The configuration file: its keys, what each may hold and what it means. The file is checked by it, the flags and
 * docs/configuration.md are made from it. What several keys must have in common is in semantic.ts.
 */
import * as z from 'zod';
import { macProblem, parseMac } from '../../core/mac.js';
import { type Address, type Prefix, parseAddress, parsePrefix } from '../../wire/address.js';
import { IPV4_MIN_MTU } from '../../wire/ipv4.js';
import { isNodeName, NODE_NAME_RULE } from '../../wire/node-name.js';
import { MAX_DATAGRAM } from '../../wire/sealed.js';
import { MAX_PORT } from '../../wire/udp.js';
import { MAX_MTU, MAX_VNI } from '../../wire/vxlan.js';
import { DEFAULT_DEVICE, DEFAULT_SOCKET, DEFAULT_STATE_DIR } from './defaults.js';
import { parseEndpoint, type WrittenEndpoint } from './endpoint.js';
import { OFFLOADS } from './offloads.js';
import { SWIM_PARAMETERS } from './swim-parameters.js';

/** What people are told about a key besides its description. */
export interface KeyFacts {
  /** What stands for the value in a usage line, such as `PORT`. */
  readonly value: string;
  /** A value that may be copied. */
  readonly example: string | number | readonly (string | number)[];
  /** What holds where the key is absent and the schema has no fixed default, in words. */
  readonly fallback?: string;
  /** The key holds several; this is the form of one as a flag, which may be given several times. */
  readonly form?: string;
}

export const keyFacts = z.registry<KeyFacts>();

/** A message that begins with `must be` is reported with the value that it is about. */
const text = (what: string, test: (text: string) => boolean) =>
  z.string(`must be ${what}`).refine(test, `must be ${what}`);

const whole = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.number(error).refine((n) => Number.isInteger(n) && n >= least && n <= most, error);
};

const path = (what: string, longest: number) =>
  text(`${what}: absolute, at most ${longest} bytes`, (value) => {
    return value.startsWith('/') && !value.includes('\0') && Buffer.byteLength(value) <= longest;
  });

/** Text that `parse` turns into a value, or into words that say what is wrong with it. */
const read = <T extends object>(what: string, parse: (text: string) => T | string) =>
  z.string(`must be ${what}`).transform((value, context): T => {
    const parsed = parse(value);
    if (typeof parsed !== 'string') return parsed;
    context.addIssue({ code: 'custom', message: parsed });
    return z.NEVER;
  });

const isTextOrTexts = (value: unknown) =>
  typeof value === 'string' || (Array.isArray(value) && value.length > 0 && value.every((v) => typeof v === 'string'));

/** One value, or one for each family; `parse` gives a value, or words that say what is wrong with it. */
const onePerFamily = <T extends object>(what: string, parse: (text: string) => T | string) =>
  z
    .custom<string | readonly string[]>(isTextOrTexts, `must be ${what}, or a list of one a family`)
    .transform((value, context): readonly T[] => {
      const parsed = [value].flat().map(parse);
      for (const one of parsed) if (typeof one === 'string') context.addIssue({ code: 'custom', message: one });
      return parsed.filter((one) => typeof one !== 'string');
    });

const prefixes = onePerFamily<Prefix>('a prefix such as 10.1.2.0/24', parsePrefix);

const addresses = onePerFamily<Address>(
  'an IPv4 or IPv6 address',
  (value) => parseAddress(value) ?? `${JSON.stringify(value)} is not an IPv4 or IPv6 address`,
);

const endpoint = read<WrittenEndpoint>('an address to join', parseEndpoint);

/** One endpoint or a list of them: made a list first, so that what is wrong with one is said of that one. */
const endpoints = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z.array(endpoint, 'must be an address to join, or a list of them'),
);

const lengthIn = (bits: number) => whole(1, bits);

/** One length is that of IPv4; IPv6 has its default then. */
const podPrefix = z
  .union(
    [lengthIn(32), z.tuple([lengthIn(32), lengthIn(128)])],
    'must be a prefix length, or [v4, v6] such as [24, 64]',
  )
  .transform((value) => (typeof value === 'number' ? { 4: value, 6: 64 } : { 4: value[0], 6: value[1] }));

const positive = z
  .number('must be a number above 0')
  .refine((n) => Number.isFinite(n) && n > 0, 'must be a number above 0');

/** What a datagram can hold is no matter of taste. */
const parameter = (name: string) =>
  name === 'packetBytes' ? whole(600, MAX_DATAGRAM).optional() : positive.optional();

/** Each parameter may be said, no other may. */
const tune = z
  .strictObject(
    Object.fromEntries(SWIM_PARAMETERS.map((name) => [name, parameter(name)])),
    'must be a mapping of parameters to numbers',
  )
  .transform((values) => values as Readonly<Record<string, number>>);

const mac = read<Uint8Array>('a MAC address such as 02:00:5e:10:00:01', (value) => {
  const bytes = parseMac(value);
  if (!bytes) return `${JSON.stringify(value)} is not a MAC address: write it as 02:00:5e:10:00:01`;
  return macProblem(bytes) ?? bytes;
});

const nodeName = text(NODE_NAME_RULE, isNodeName);

/** Interface names that `ip` or /proc/sys/net understand as something else. */
const RESERVED_DEVICES = ['all', 'default', 'lo', 'dev'];
const DEVICE_NAME = /^[a-z0-9][a-z0-9._-]{1,14}$/i;
const deviceName = text(
  'an interface name: 2 to 15 letters, digits, dots, hyphens and underscores, not all, default, dev or lo',
  (value) => DEVICE_NAME.test(value) && !RESERVED_DEVICES.includes(value),
);

/** A key of the schema, with everything that is told about it. */
function key<S extends z.ZodType>(schema: S, description: string, facts: KeyFacts): S {
  const described = schema.describe(description);
  keyFacts.add(described, facts);
  return described;
}

/** A switch for an offload; what is `auto` is still tested before it is used. */
const offload = (description: string) =>
  key(z.enum(['auto', 'off'], 'must be auto or off').default('auto'), description, {
    value: 'SWITCH',
    example: 'auto',
  });

/** The shape of one peer as a flag. */
export const PEER_FORM = 'NAME=UNDERLAY[,UNDERLAY6]=PODCIDR[,PODCIDR6][=MAC]';

export const PeerSchema = z.strictObject(
  {
    node: key(nodeName, "The peer's name.", { value: 'NAME', example: 'bravo' }),
    underlay: key(addresses, 'The address that its VXLAN packets come from and go to, or `[v4, v6]`.', {
      value: 'ADDRESS',
      example: '198.51.100.7',
    }),
    podCidr: key(prefixes, 'Its pod subnet, or `[v4, v6]`.', {
      value: 'PREFIX',
      example: ['10.244.2.0/24', 'fd00:244:0:2::/64'],
    }),
    mac: key(mac.optional(), 'The MAC address of its VTEP.', {
      value: 'MAC',
      example: '02:00:5e:10:00:02',
      fallback: 'derived from its name, as the peer does it itself',
    }),
    ecn: key(
      z.boolean('must be true or false').default(false),
      'It reads congestion marks on outer packets (RFC 6040), as podwire and Linux do: then they are sent to it.',
      { value: '', example: 'true' },
    ),
  },
  'must be a mapping with node, underlay and podCidr',
);

export const ConfigSchema = z.strictObject(
  {
    node: key(nodeName.optional(), "This node's name, unique in the cluster.", {
      value: 'NAME',
      example: 'alpha',
      fallback: 'the host name',
    }),
    underlay: key(
      addresses.optional(),
      'The address others reach this node at, or `[v4, v6]`. VXLAN and gossip are sent from it and received on it alone, never on a wildcard.',
      {
        value: 'ADDRESS',
        example: '192.0.2.10',
        fallback: 'the own addresses that reach the nodes of `join`, one of each family',
      },
    ),
    podCidr: key(
      prefixes.optional(),
      'The subnet that the pods of this node have their addresses from, or `[v4, v6]`. Its `.0` (IPv6: `::2`) is the address of the node itself.',
      {
        value: 'PREFIX',
        example: ['10.244.1.0/24', 'fd00:244:0:1::/64'],
        fallback: 'claimed from `clusterCidr`, by gossip',
      },
    ),
    clusterCidr: key(
      prefixes,
      'The range that holds the pod subnets of all nodes, or `[v4, v6]`. The kernel gets one route for each, to the device.',
      { value: 'PREFIX', example: ['10.244.0.0/16', 'fd00:244::/48'] },
    ),
    podPrefix: key(
      podPrefix.default({ 4: 24, 6: 64 }),
      'The length of the subnets that nodes claim, the same on all nodes: of IPv4, or `[v4, v6]`.',
      { value: 'LENGTH', example: [24, 64], fallback: '24, and 64 for IPv6' },
    ),
    device: key(deviceName.default(DEFAULT_DEVICE), 'The name of the TUN device.', {
      value: 'NAME',
      example: 'podwire0',
    }),
    vxlan: z
      .strictObject(
        {
          vni: key(
            whole(1, MAX_VNI).default(1),
            'The VXLAN network identifier, the same on all nodes. Frames with another one are dropped.',
            { value: 'VNI', example: 1 },
          ),
          port: key(
            whole(1, MAX_PORT).default(8472),
            "The UDP port that all nodes receive VXLAN on: Linux's default; the one that IANA gave out is 4789.",
            { value: 'PORT', example: 8472 },
          ),
          dscp: key(
            z.union([whole(0, 63), z.literal('inherit')], 'must be a whole number from 0 to 63, or inherit').default(0),
            'The DSCP of outer packets, 0 to 63; `inherit`: that of the packet inside.',
            { value: 'DSCP', example: 'inherit' },
          ),
        },
        'must be a mapping with vni, port and dscp',
      )
      .prefault({}),
    peers: key(
      z.array(PeerSchema, 'must be a list of peers').default([]),
      'Nodes that take no part in gossip. May change while the node runs.',
      { value: 'PEER', example: 'bravo=198.51.100.7=10.244.2.0/24', form: PEER_FORM },
    ),
    join: key(
      endpoints.default([]),
      'Nodes that are asked to let this one into the cluster, by address or by a name that is looked up at each attempt; one that answers is enough. May change while the node runs.',
      { value: 'ADDRESS', example: ['192.0.2.1', 'seed.example'], form: 'ADDRESS[:PORT], several with commas' },
    ),
    gossip: z
      .strictObject(
        {
          port: key(whole(1, MAX_PORT).default(7946), 'The port of gossip, UDP and TCP.', {
            value: 'PORT',
            example: 7946,
          }),
          keyFile: key(
            path('the path of a file', 4000).optional(),
            'The keys that gossip is sealed with, one a line, the first seals: `podwire key new` makes one. Only its owner may read the file.',
            { value: 'PATH', example: '/etc/podwire.key', fallback: 'none: no gossip, or an open one' },
          ),
          insecure: key(
            z.boolean('must be true or false').default(false),
            'Gossip without a key: whoever reaches the port may join, and take over the pods of others.',
            { value: '', example: 'true' },
          ),
          profile: key(
            z.enum(['lan', 'wan'], 'must be lan or wan').default('lan'),
            'How patient the failure detector is: `lan` finds a dead node in seconds, `wan` allows for longer ways.',
            { value: 'PROFILE', example: 'lan' },
          ),
          forgetAfter: key(
            whole(10, 2_592_000).default(3600),
            'How long a dead or departed node is remembered and its subnet kept for it, in seconds: longer than the longest partition that is to do no harm.',
            { value: 'SECONDS', example: 3600 },
          ),
          tune: key(tune.default({}), 'Single parameters of the profile, as numbers (times in milliseconds).', {
            value: 'PARAMETER',
            example: 'probeInterval=2000',
            fallback: 'as the profile has them',
            form: 'NAME=NUMBER',
          }),
        },
        'must be a mapping with port, keyFile, insecure, profile, forgetAfter and tune',
      )
      .prefault({}),
    workers: key(
      whole(1, 64).optional(),
      'Threads that move packets, each with a queue of the device and sockets of its own.',
      { value: 'COUNT', example: 1, fallback: '1 on up to 3 cores, else half of them, at most 4' },
    ),
    nice: key(
      whole(-20, 19).default(-10),
      'How much of the processors the node asks for beside other programs, as nice(2) has it: below 0 is more. 0 leaves it as it was started. Without the right to it (CAP_SYS_NICE) the node runs as it was started.',
      { value: 'NUMBER', example: -10 },
    ),
    offload: z
      .strictObject(
        {
          checksum: offload(
            'TCP and UDP checksums between the kernel and podwire left to whoever comes next. `off` turns `tso` and `uso` off too.',
          ),
          tso: offload('TCP superpackets of up to 64 KiB between the kernel and podwire.'),
          uso: offload('UDP superpackets between the kernel and podwire (Linux 6.2).'),
          udpSegment: offload('Many frames in one send, which the kernel or the NIC cuts apart (`UDP_SEGMENT`).'),
          udpGro: offload('Many frames in one receive, which the kernel has joined (`UDP_GRO`).'),
        },
        `must be a mapping with ${OFFLOADS.join(', ')}`,
      )
      .prefault({}),
    socket: key(
      path('the path of a Unix socket', 107).default(DEFAULT_SOCKET),
      'The path of the local API. Only the user that runs the node may use it (mode 0600).',
      { value: 'PATH', example: DEFAULT_SOCKET },
    ),
    stateDir: key(
      path('the path of a directory', 4000).default(DEFAULT_STATE_DIR),
      'The directory for what outlives the process: the MAC address, the identity and the subnet of this node, nodes that it knew, and a note of what is to be cleaned up.',
      { value: 'PATH', example: '/var/lib/podwire' },
    ),
    mtu: key(
      whole(IPV4_MIN_MTU, MAX_MTU).optional(),
      'The MTU of the device in bytes: the largest IP packet of a pod that crosses in one piece.',
      { value: 'BYTES', example: 1450, fallback: "measured: the underlay interface's less 50, or 70 over IPv6" },
    ),
  },
  'must be a mapping of keys to values',
);
