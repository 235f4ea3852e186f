import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { ApiClient } from '../../api/client.js';
import { ConformanceNode, collect, type KnownNode, PROBE_PORT, type Silent } from '../../lab/cluster-conformance.js';
import type { Attach } from '../../lab/conformance.js';
import type { Trial } from '../../lab/model.js';
import type { ProbeNetwork } from '../../lab/probe-pods.js';
import { PLUGIN_NAME } from '../../os/cni-files.js';
import { PodwireError } from '../../wire/error.js';
import { addSocketOption, clientOf, socketOf } from '../client-options.js';
import { EXIT_FAILED, EXIT_OK } from '../failure.js';
import { addExamples } from '../help.js';
import { whole } from '../option-values.js';
import { type Look, lookOf, print, printJson } from '../output.js';
import { type Cell, tableLines } from '../table.js';

interface PrintOptions {
  readonly json?: boolean;
  readonly all?: boolean;
  readonly pairs?: boolean;
}

/** All of them: those of serve and cluster may stand behind these words or before. */
interface Options extends PrintOptions {
  readonly attach?: readonly Attach[];
  readonly conf?: readonly string[];
}

/** Of serve and cluster. */
interface MeetingOptions extends Options {
  readonly port: number;
}

export function configure(command: Command): void {
  command
    .option('--json', 'print every connection that was tried as JSON: {ok, trials, silent}')
    .option('--all', 'a line for every connection, not only for those that failed')
    .option('--pairs', 'a line for each pair of nodes and attachments, instead of one for all alike')
    .addOption(new Option('--attach <HOW...>', 'these only').choices(['bridge', 'ptp', 'macvlan', 'device']));
  addExamples(command, [
    [
      'podwire conformance',
      'three hosts in network namespaces, pods of every attachment: who reaches whom, seen as whom',
    ],
    [
      'podwire conformance --json | jq .ok',
      'for a program: ends with 0 only if everybody is seen under its own address',
    ],
    ['podwire conformance serve', 'on each node of a cluster that runs: throw-away pods, until it is interrupted'],
    ['podwire conformance cluster', 'then on any of them: the same questions between all of its nodes'],
  ]);
  command.addHelpText(
    'after',
    '\nWithout serve or cluster it makes its own hosts and removes them; nodes that run here are not touched.',
  );
  command.action(async ({ attach, ...options }: Options) => {
    const [{ tryModel }, { ensurePrivileges }] = await Promise.all([
      import('../../lab/conformance.js'),
      import('../../lab/privileges.js'),
    ]);
    await ensurePrivileges();
    report({ trials: await tryModel(attach), silent: [] }, options);
  });
  const serve = addPort(addSocketOption(command.command('serve')))
    .description(
      'Attach throw-away pods to this node and have them tried by podwire conformance cluster, until interrupted.',
    )
    .option('--conf <FILE...>', 'network configurations for them, as podwire cni install writes them');
  serve.action(() => serveUntilStopped(serve));
  const cluster = addPort(addSocketOption(command.command('cluster'))).description(
    'Have every node on which podwire conformance serve runs try the rest, and print what they found.',
  );
  cluster.action(async () => {
    const { port, ...options } = cluster.optsWithGlobals<MeetingOptions>();
    const client = await clientOf(cluster);
    report(await collect([await selfOf(client), ...(await client.peers())], port), options);
  });
}

function addPort(command: Command): Command {
  const words = 'TCP, and the one above; the same on all nodes';
  return command.option('--port <NUMBER>', words, whole(1, 65_534), PROBE_PORT);
}

async function serveUntilStopped(command: Command): Promise<void> {
  const [{ ProbePods }, { ensurePrivileges }] = await Promise.all([
    import('../../lab/probe-pods.js'),
    import('../../lab/privileges.js'),
  ]);
  const { attach, conf, port } = command.optsWithGlobals<MeetingOptions>();
  const needy = attach?.find((one) => one === 'macvlan' || one === 'device');
  if (needy)
    throw new PodwireError('CONFIG', `${needy} needs more words than its name: give --conf a file that has them`);
  await ensurePrivileges();
  const [client, socket] = [await clientOf(command), await socketOf(command)];
  const self = await selfOf(client);
  const files = (await Promise.all((conf ?? []).map(networksIn))).flat();
  const named = attach ?? (files.length > 0 ? [] : ['bridge', 'ptp']);
  const networks = [...named.map((one) => ({ attach: one })), ...files];
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  const probes = await ProbePods.start({ node: self.node, socket, port }, networks, self.underlays);
  try {
    const node = await ConformanceNode.start(self, () => client.peers(), probes, port);
    print(`serving ${probes.pods.length} throw-away pods on ${self.node}; interrupt to take them off`);
    await stopped;
    node.stop();
  } finally {
    await probes.stop();
  }
}

async function selfOf(client: ApiClient): Promise<KnownNode> {
  const { node, podCidr, underlays } = await client.status();
  if (podCidr.length === 0) throw new PodwireError('NO_AGENT', 'this node has no subnet yet: podwire status says why');
  return { node, podCidr, underlays };
}

/** The plugin's part of a configuration list, or of a configuration. @throws PodwireError CONFIG */
async function networksIn(file: string): Promise<ProbeNetwork[]> {
  let raw: unknown;
  try {
    raw = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new PodwireError('CONFIG', `${file} cannot be read as JSON: ${(error as Error).message}`);
  }
  const { plugins = [raw] } = (raw ?? {}) as { plugins?: unknown };
  const ours = (Array.isArray(plugins) ? plugins : []).filter(
    (one): one is ProbeNetwork =>
      typeof one === 'object' && one !== null && (one as ProbeNetwork)['type'] === PLUGIN_NAME,
  );
  if (ours.length === 0) throw new PodwireError('CONFIG', `${file} has no plugin of the type ${PLUGIN_NAME}`);
  return ours;
}

interface Found {
  readonly trials: readonly Trial[];
  readonly silent: readonly Silent[];
}

function report({ trials, silent }: Found, { json, all = false, pairs = false }: PrintOptions): void {
  const ok = trials.every((trial) => trial.ok) && silent.length === 0;
  if (json) printJson({ ok, trials, silent });
  else {
    for (const { node, why } of silent) {
      print(`${node} was not tried: ${why}; does podwire conformance serve run there?`);
    }
    print(conformanceText(trials, { all, pairs }, lookOf(process.stdout)));
  }
  process.exitCode = ok ? EXIT_OK : EXIT_FAILED;
}

/** @param pairs the summary tells nodes apart */
export function conformanceText(
  trials: readonly Trial[],
  { all, pairs }: { readonly all: boolean; readonly pairs: boolean },
  look: Look,
): string {
  const shown = trials.filter(({ ok }) => all || !ok);
  const details = tableLines(
    [
      { title: 'RULE' },
      { title: 'FROM' },
      { title: 'TO' },
      { title: 'AT' },
      { title: 'SEEN AS' },
      { title: 'VERDICT' },
    ],
    shown.map(({ rule, from, to, address, seen, ok }): Cell[] => [
      rule,
      from,
      to,
      address,
      seen || 'no answer',
      mark(ok),
    ]),
    look,
  );
  const groups = new Map<string, Trial[]>();
  for (const trial of trials) {
    const ends = pairs ? [trial.from, trial.to] : [kindOf(trial.from), kindOf(trial.to), placeOf(trial)];
    const key = [trial.rule, ...ends].join('\t');
    groups.set(key, [...(groups.get(key) ?? []), trial]);
  }
  const rows = [...groups]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, members]): Cell[] => {
      const good = members.filter(({ ok }) => ok).length;
      return [...key.split('\t'), `${good} of ${members.length}`, mark(good === members.length)];
    });
  const summary = tableLines(
    [
      { title: 'RULE' },
      { title: 'FROM' },
      { title: 'TO' },
      ...(pairs ? [] : [{ title: 'WHERE' }]),
      { title: 'SEEN AS ITSELF', align: 'right' },
      { title: 'VERDICT' },
    ],
    rows,
    look,
  );
  return [...(shown.length > 0 ? [...details, ''] : []), ...summary].join('\n');
}

/** `alpha/bridge` is a bridge's pod, `alpha` a node. */
function kindOf(name: string): string {
  return name.split('/')[1] ?? 'node';
}

function placeOf({ from, to }: Trial): string {
  return from.split('/')[0] === to.split('/')[0] ? 'one node' : 'two nodes';
}

function mark(ok: boolean): Cell {
  return ok ? { text: 'as it must be', style: 'green' } : { text: 'NOT', style: 'red' };
}
