/**
 * What people and files say: configuration, keys, endpoints, prefixes, the claim, the identity. Whatever the bytes, the
 * outcome is a value or a `PodwireError` in one line a problem; what was read can be written and read again.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { formatEndpoint, parseEndpoint } from '../../src/control/config/endpoint.js';
import { mergeFlags } from '../../src/control/config/flags.js';
import { parseConfig } from '../../src/control/config/load.js';
import { readConfigFile } from '../../src/control/config/read-file.js';
import { Identity } from '../../src/core/identity.js';
import { formatKeyring, parseKeyring } from '../../src/core/keyring.js';
import { ClaimFile } from '../../src/os/claim-file.js';
import { readKeyFile } from '../../src/os/key-file.js';
import { PeersFile } from '../../src/os/peers-file.js';
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../src/wire/address.js';
import { PodwireError } from '../../src/wire/error.js';
import { prefix } from '../unit/control/sample-config.js';
import type { Mutator } from './mutate.js';
import { decoder, type Target } from './target.js';

const MACHINE = { hostname: 'machine', cores: 2 };
const RANGE = '10.244.0.0/16';

const CONFIGS = [
  {
    node: 'alpha',
    underlay: '192.0.2.1',
    podCidr: ['10.244.1.0/24', 'fd00:244:0:1::/64'],
    clusterCidr: [RANGE, 'fd00:244::/48'],
    peers: [{ node: 'b', underlay: '192.0.2.2', podCidr: '10.244.2.0/24', mac: '02:00:5e:10:00:03' }],
    offload: { tso: 'off' },
  },
  {
    clusterCidr: RANGE,
    join: ['192.0.2.1', '192.0.2.2:80'],
    podPrefix: [24, 64],
    gossip: { keyFile: '/k', tune: { a: 1 } },
  },
];

const TEXTS = [
  ...CONFIGS.flatMap((config) => [stringify(config), JSON.stringify(config)]),
  'a: &x [*x]\n',
  'a: &a [1]\nb: [*a,*a]\nc: !!binary xx\n',
  '? [x]\n: |\n  text\n<<: {node: y}\n',
].map((text) => Buffer.from(text));

export async function textTargets(tools: Mutator): Promise<Target[]> {
  const folder = await mkdtemp(join(tmpdir(), 'podwire-fuzz-'));
  const file = join(folder, 'file');
  const put = (name: string, bytes: Buffer) => writeFileSync(join(folder, name), bytes, { mode: 0o600 });

  const config = (input: Buffer): string => {
    put('file', input);
    const raw = mergeFlags(readConfigFile(file), { device: 'pw0' });
    const result = parseConfig(raw, MACHINE);
    if ('config' in result) return `good ${Object.keys(result.config).length}`;
    if (result.problems.length === 0) throw new Error('refused without a problem');
    for (const { path, message } of result.problems) oneLine(`${path}: ${message}`);
    return result.problems.map(({ message }) => message.replace(/[^ a-z]/gi, '').slice(0, 20)).join();
  };
  const keyring = (input: Buffer): string => {
    const ring = parseKeyring(input.toString(), 'source');
    same(ring.ids, parseKeyring(formatKeyring(ring), 'again').ids);
    return `${ring.keys.length} keys`;
  };
  const keyFile = async (input: Buffer): Promise<string> => {
    put('file', input);
    return `${(await readKeyFile(file)).keys.length} keys`;
  };
  const claims = new ClaimFile(folder, [prefix(RANGE)], { 4: 24, 6: 64 });
  const claim = async (input: Buffer): Promise<string> => {
    put('claim', input);
    const { claim, warning } = await claims.read();
    if (warning) oneLine(warning);
    return claim ? `claim ${claim.podCidr.length}` : (warning?.slice(-60, -30) ?? 'none');
  };
  const nodes = new PeersFile(folder);
  const peers = async (input: Buffer): Promise<string> => {
    put('peers', input);
    const read = await nodes.read();
    for (const endpoint of read) same(endpoint, parseEndpoint(formatEndpoint(endpoint)));
    return `${read.length} nodes`;
  };
  const identity = (input: Buffer): string => (Identity.fromPem(input.toString()) ? 'an identity' : 'none');
  const addresses = (input: Buffer): string => {
    const text = input.toString();
    const address = parseAddress(text);
    if (address) same(address, parseAddress(formatAddress(address)));
    const found = parsePrefix(text);
    if (typeof found !== 'string') same(found, parsePrefix(formatPrefix(found)));
    return `${address?.family} ${typeof found === 'string' ? found.slice(-12) : 'prefix'}`;
  };

  const keys = [1, 2, 3].map((n) => Buffer.alloc(32, n).toString('base64'));
  const ring = [Buffer.from(`${keys.join('\n')}\n`), Buffer.from(`\n ${keys[0]} \r\n\n`)];
  const held = { podCidr: ['10.244.7.0/24'], epoch: 3, cluster: `${RANGE} 24`, seen: 1_700_000_000_000 };
  const known = ['192.0.2.1:7946\n[fd00::1]:7946\n', '192.0.2.2\n\n#\n'].map((text) => Buffer.from(text));
  const written = ['10.244.1.0/24', 'fd00:244:0:1::/64', '::', '192.0.2.1', '::ffff:1.2.3.4'].map((text) =>
    Buffer.from(text),
  );
  const made: Target[] = [
    decoder('configuration', 0.01, TEXTS, refusing(config), tools),
    decoder('keyring', 0.05, ring, refusing(keyring), tools),
    decoder('key file', 0.004, ring, refusing(keyFile), tools),
    decoder('claim file', 0.004, [Buffer.from(JSON.stringify(held))], refusing(claim), tools),
    decoder('peers file', 0.004, known, refusing(peers), tools),
    decoder('identity', 0.005, [Buffer.from(Identity.generate().toPem())], refusing(identity), tools),
    decoder('addresses', 0.1, written, refusing(addresses), tools),
  ];
  let open = made.length;
  const closing = () => {
    if (--open === 0) rmSync(folder, { recursive: true, force: true });
  };
  for (const target of made) target.close = closing;
  return made;
}

/** A refusal in our own words is an answer; any other error is a fault. */
function refusing(run: (input: Buffer) => string | Promise<string>): (input: Buffer) => string | Promise<string> {
  const answer = (error: unknown): string => {
    if (!(error instanceof PodwireError)) throw error;
    for (const line of error.message.split('\n')) oneLine(line);
    return `${error.code} ${error.message.replace(/[^ a-z]/gi, '').slice(-30)}`;
  };
  return (input) => {
    try {
      const result = run(input);
      return typeof result === 'string' ? result : result.catch(answer);
    } catch (error) {
      return answer(error);
    }
  };
}

/** What a terminal would not show as one line, or not harmlessly. */
function oneLine(text: string): void {
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)) throw new Error(`not one line for a terminal: ${JSON.stringify(text)}`);
}

function same(what: unknown, again: unknown): void {
  const [one, other] = [what, again].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`${one} came back as ${other}`);
}
