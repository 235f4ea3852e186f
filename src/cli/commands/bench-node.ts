import type { Command } from 'commander';
import type { ApiClient } from '../../api/client.js';
import { BenchClient } from '../../bench/client.js';
import { resultLine } from '../../bench/figures.js';
import { limitWords } from '../../bench/limits.js';
import { measureLoopback } from '../../bench/loopback.js';
import { measure as measureFrom } from '../../bench/programs.js';
import type { BenchResult } from '../../bench/results.js';
import { machine } from '../../bench/statistics.js';
import type { NodeStatus, PeerStatus } from '../../control/node-api.js';
import { overlayAddressTexts } from '../../core/overlay-address.js';
import { PodwireError } from '../../wire/error.js';
import { addSuiteOptions, BENCH_PORT, suiteOf, type WrittenSuite } from '../bench-options.js';
import { BenchScreen } from '../bench-screen.js';
import { resultsTable } from '../bench-table.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { between } from '../option-values.js';
import { lookOf, printJson } from '../output.js';
import { bytesText, countText } from '../units.js';

interface Options extends WrittenSuite {
  readonly port: number;
  readonly ipv6?: boolean;
  readonly loopback: boolean;
  readonly json?: boolean;
}

/** IP and UDP headers around a datagram's payload, bytes. */
const UDP_OVERHEAD = { 4: 28, 6: 48 } as const;

/** Frames and bytes that podwire has carried to and from the peer meanwhile, by its own count. */
interface Carried {
  readonly txFrames: number;
  readonly txBytes: number;
  readonly rxFrames: number;
  readonly rxBytes: number;
}

export function configureNode(command: Command): void {
  addSuiteOptions(addClientOptions(command), ['tcp', 'udp', 'rtt', 'rate'])
    .description('Measure from the running node to another on which podwire bench serve runs.')
    .argument('<NODE>', 'the name of a peer, or one of its underlay or overlay addresses')
    .option('--port <PORT>', 'TCP port of podwire bench serve', between(1, 65_535), BENCH_PORT)
    .option('--ipv6', 'over IPv6 inside')
    .option('--no-loopback', 'do not measure first what the programs reach without a network');
  addExamples(command, [
    ['podwire bench bravo', 'everything, in a minute or two'],
    ['podwire bench bravo --tests tcp,rtt --seconds 10', 'TCP and round trips only'],
    ['podwire bench 10.244.2.0 --tests rate --sizes 64 --loss 0.1 --tolerance 1', 'to an address; a finer search'],
  ]);
  command.action(measure);

  async function measure(name: string, options: Options): Promise<void> {
    const api = await clientOf(command);
    const status = await api.status();
    const peer = await peerCalled(name, status.node, api);
    const family = options.ipv6 ? 6 : 4;
    const { local, address } = endsOf(status, peer, family);
    const most = peer.mtu - UDP_OVERHEAD[family];
    const suite = suiteOf({ ...options, sizes: [...new Set(options.sizes.map((size) => Math.min(size, most)))] });
    const client = { address, port: options.port, local, name: peer.node, pids: [status.pid] };
    // Whether it serves is known before anything takes time.
    (await BenchClient.connect(client)).close();

    const screen = new BenchScreen(options.json ? undefined : process.stdout);
    const head = `${status.node} (${local}) to ${peer.node} (${address}): ${machine()}`;
    screen.line(head);
    const loopback = options.loopback
      ? await measureLoopback(suite, { progress: (words) => screen.progress(`loopback: ${words}`) })
      : undefined;
    const results = await measureFrom(
      { client, suite },
      {
        progress: (words) => screen.progress(words),
        result: (result) => screen.line(resultLine(result)),
      },
    );
    const carried = difference(await peerCalled(name, status.node, api), peer);
    const words = [
      ...tooLarge(options.sizes, most, peer),
      ...limitWords(results, loopback ?? []),
      ...elsewhere(results, carried),
    ];

    if (options.json) {
      const facts = { from: status.node, to: peer.node, local, address, machine: machine() };
      printJson({ ...facts, results, loopback, carried, words });
    } else {
      const tables = resultsTable(results, loopback, lookOf(process.stdout));
      screen.finish([head, ...tables, carriedWords(carried), ...words.map((line) => `! ${line}`)]);
    }
  }
}

async function peerCalled(name: string, self: string, api: ApiClient): Promise<PeerStatus> {
  const peers = await api.peers();
  const found = peers.find(
    ({ node, underlays, podCidr }) =>
      node === name || underlays.includes(name) || overlayAddressTexts(podCidr).includes(name),
  );
  if (found) return found;
  if (name === self)
    throw new PodwireError('CONFIG', `${name} is this node itself: podwire bench local measures one machine`);
  const names = peers.map(({ node }) => node);
  const known =
    names.length === 0 ? 'it has none' : `it has ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`;
  throw new PodwireError('CONFIG', `${self} has no peer '${name}': ${known}`);
}

/** The overlay addresses of both. @throws PodwireError CONFIG: one has none of that family */
function endsOf(
  own: NodeStatus,
  peer: PeerStatus,
  family: 4 | 6,
): { readonly local: string; readonly address: string } {
  const [local, address] = [own, peer].map(({ podCidr }) => ofFamily(podCidr, family));
  if (local !== undefined && address !== undefined) return { local, address };
  const mend = family === 6 ? 'leave --ipv6 out' : 'try --ipv6';
  throw new PodwireError('CONFIG', `${own.node} and ${peer.node} do not both have an IPv${family} subnet: ${mend}`);
}

function ofFamily(podCidrs: readonly string[], family: 4 | 6): string | undefined {
  return overlayAddressTexts(podCidrs).find((address) => address.includes(':') === (family === 6));
}

function difference(after: PeerStatus, before: PeerStatus): Carried {
  return {
    txFrames: after.txFrames - before.txFrames,
    txBytes: after.txBytes - before.txBytes,
    rxFrames: after.rxFrames - before.rxFrames,
    rxBytes: after.rxBytes - before.rxBytes,
  };
}

function carriedWords({ txFrames, txBytes, rxFrames, rxBytes }: Carried): string {
  const [out, back] = [
    `${countText(txFrames)} frames out (${bytesText(txBytes)})`,
    `${countText(rxFrames)} in (${bytesText(rxBytes)})`,
  ];
  return `podwire carried ${out} and ${back} meanwhile`;
}

function tooLarge(sizes: readonly number[], most: number, { node }: PeerStatus): string[] {
  if (sizes.every((size) => size <= most)) return [];
  return [`no more than ${most} bytes of UDP payload reach ${node} in a packet: larger sizes are cut to that`];
}

/** What was measured must have gone through podwire, or it says nothing of it. */
function elsewhere(results: readonly BenchResult[], carried: Carried): string[] {
  const bytes = results.map((result) => {
    if (result.test === 'tcp') return result.bytes;
    return result.test === 'udp' ? result.received * result.size : 0;
  });
  const least = bytes.reduce((sum, count) => sum + count, 0);
  if (carried.txBytes + carried.rxBytes >= least) return [];
  return ['podwire has carried less than was measured: the traffic takes another way, so the figures are not its own'];
}
