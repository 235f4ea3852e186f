/** docs/configuration.md, made from the schema. Pure. */
import { stringify } from 'yaml';
import type * as z from 'zod';
import { LAN, type SwimProfile, WAN } from '../../core/swim/profile.js';
import { fallbackOf, flags, type Leaf, leaves } from './flags.js';
import { ConfigSchema, keyFacts, PEER_FORM, PeerSchema } from './schema.js';
import { SWIM_PARAMETERS } from './swim-parameters.js';

export function configurationReference(): string {
  return `# Configuration

<!-- Made from src/control/config/schema.ts by \`npm run docs\`. Do not edit. -->

\`podwire up\` and \`podwire check\` read a file, JSON or YAML, and flags; a flag wins over the file. All problems are
reported at once, and nothing is done before all are mended. An unknown key is a problem.

## Example

\`\`\`yaml
${exampleFile()}\`\`\`

## Keys

${table(['key', 'flag', 'default', 'meaning'], keyRows())}

A value \`[v4, v6]\` is a list in the file and is written with a comma as a flag:
\`--pod-cidr 10.244.1.0/24,fd00:244:0:1::/64\`.

## Two ways to have peers

With gossip the nodes find each other, and each is given its subnet: name a key file on all of them, and on all but the
first a node to \`join\`. Then \`podCidr\` may be left out, and \`underlay\` too where there is somebody to join.
Without gossip every node has its \`podCidr\` and its list of \`peers\`. Both may be mixed: what the configuration says
of a peer goes before what gossip says of a node of that name.

## Peers

${table(['key', 'default', 'meaning'], peerRows())}

As a flag, \`${PEER_FORM}\`, once for each; peers given so replace the file's list:

\`\`\`
--peer bravo=198.51.100.7=10.244.2.0/24,fd00:244:0:2::/64
--peer charlie=203.0.113.9=10.244.3.0/24=02:00:5e:10:00:03
\`\`\`

## Parameters of the failure detector

\`gossip.tune\` replaces any of these (as a flag, \`--gossip-tune probeInterval=500\`, once for each). Times are
milliseconds; src/core/swim/profile.ts says what each of them does.

${table(['parameter', 'lan', 'wan'], parameterRows())}

## Offloads

An offload is work left to the kernel, and some kernels offer one and break it. So each is tried with real packets when
the node starts; one that damages or loses them is turned off, with a line in the log, and podwire does its work itself.
\`podwire status\` says of each whether it is in use and why not. \`off\` under \`offload\` turns one off untried: all
work without it, more slowly.

| offload | its test | without it |
| --- | --- | --- |
| \`checksum\` | a datagram each way whose checksum is left to the other end | the kernel completes checksums, \`tso\` and \`uso\` are off |
| \`tso\` | a TCP connection with the kernel, superpackets both ways | the kernel cuts and joins TCP |
| \`uso\` | UDP superpackets both ways | the kernel cuts UDP |
| \`udpSegment\` | trains of frames to ourselves over the underlay address | frames are handed over one by one, many in a call |
| \`udpGro\` | the same trains, received joined | frames are received one by one, many in a call |

The trains do not leave the machine: what a NIC does to them, no test here can see.

## What must hold

- Names, underlay addresses and MAC addresses are unique, this node's own among them.
- A node has at most one underlay address of each family, and none, nor one to join, lies inside \`clusterCidr\`. Two nodes
  carry traffic for each other if there is a family that both have.
- Pod subnets lie inside \`clusterCidr\` and do not overlap. A node has at most one of each family, \`/30\` or larger, \`/126\`
  or larger for IPv6.
- \`clusterCidr\` holds no loopback, link-local, multicast or unspecified addresses.
- With IPv6 prefixes, \`mtu\` is at least 1280.
- No key means no gossip: \`join\` needs \`gossip.keyFile\`, or \`gossip.insecure\`.
- \`podPrefix\` divides \`clusterCidr\`, and leaves room for pods.

## Changes while it runs

\`podwire reload\`, or SIGHUP, reads file and flags again. \`peers\` and \`join\` may differ: peers that stay keep their traffic. If any
other key differs, or anything is wrong, nothing is changed and the answer says why.
`;
}

function exampleFile(): string {
  const peer = examples(leaves(PeerSchema, '').filter(isRequired));
  return stringify(
    { ...examples(leaves(ConfigSchema, '').filter(isShown)), peers: [peer] },
    { flowCollectionPadding: false },
  );
}

/** The example is a node without gossip: it shows what has to be set for one, and the name. */
function isShown(leaf: Leaf): boolean {
  return ['node', 'underlay', 'podCidr'].includes(leaf.key) || isRequired(leaf);
}

function isRequired({ schema }: Leaf): boolean {
  return fallbackOf(schema) === undefined;
}

function examples(of: readonly Leaf[]): Record<string, unknown> {
  return Object.fromEntries(of.map(({ key, schema }) => [key, keyFacts.get(schema)?.example]));
}

function keyRows(): string[][] {
  return flags().map(({ key, name, value, description, fallback }) => [
    `\`${key}\``,
    `\`--${name}${value === '' ? '' : ` ${value}`}\``,
    fallback ?? '**required**',
    description,
  ]);
}

function parameterRows(): string[][] {
  return SWIM_PARAMETERS.map((name) => {
    const parameter = name as keyof SwimProfile;
    return [`\`${name}\``, String(LAN[parameter]), String(WAN[parameter])];
  });
}

function peerRows(): string[][] {
  return leaves(PeerSchema, '').map(({ key, schema }: { key: string; schema: z.ZodType }) => [
    `\`${key}\``,
    fallbackOf(schema) ?? '**required**',
    schema.description ?? '',
  ]);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
