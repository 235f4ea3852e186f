import { type Command, Option } from 'commander';
import type { Agent, Log } from '../../control/agent-types.js';
import { type ConfigSource, loadConfig } from '../../control/config/load.js';
import type { NodeConfig } from '../../control/config/node-config.js';
import type { NodeStatus } from '../../control/node-api.js';
import { GIVE_WAY, KEEP_FOR } from '../../os/keeper.js';
import { messageOf, PodwireError } from '../../wire/error.js';
import { addConfigOptions } from '../config-options.js';
import { EXIT_FAILED } from '../failure.js';
import { addExamples } from '../help.js';
import { createLog, LOG_LEVELS, type LogLevel } from '../log.js';
import { startSuccessor } from '../successor.js';

/** When the node has ended, whatever else may hold the process is cut off after this time, ms. */
const LAST_WORDS = 200;

export function configure(command: Command): void {
  const source = addConfigOptions(command);
  command.addOption(new Option('--log-level <LEVEL>', 'the least that is logged').choices(LOG_LEVELS).default('info'));
  command.option('--takeover', 'take the place of the podwire that runs, without losing a packet');
  addExamples(command, [
    ['podwire up --config /etc/podwire.yaml', 'run the node of that file'],
    [
      'podwire up --config /etc/podwire.yaml --takeover',
      'the same in the place of one that runs, such as an older version',
    ],
    ['podwire up -c /etc/podwire.yaml --workers 2', 'the same, with one key changed'],
    [
      'podwire up --join 192.0.2.1 --gossip-key-file /etc/podwire.key --cluster-cidr 10.244.0.0/16',
      'join the cluster of a node; the address and the subnet are found',
    ],
    [
      'podwire up --underlay 192.0.2.1 --gossip-key-file /etc/podwire.key --cluster-cidr 10.244.0.0/16',
      'begin a cluster: its first node',
    ],
    [
      'podwire up --underlay 192.0.2.1 --pod-cidr 10.244.1.0/24 --cluster-cidr 10.244.0.0/16 \\\n  --peer bravo=192.0.2.2=10.244.2.0/24',
      'without gossip and without a file',
    ],
  ]);
  command.addHelpText(
    'after',
    `
A line that begins with "ready" on standard error says that traffic flows. SIGTERM and SIGINT end the node and remove
what it made, as podwire down does; but while pods live, device and routes are kept for ${KEEP_FOR} seconds, with the packets that
come meanwhile, for the next podwire up to go on with. SIGHUP reads the configuration again, as podwire reload does.

With --takeover the podwire that runs carries the traffic until this one does, and then ends. If this one fails, it goes on.
Of a service of systemd it takes no process from outside: there 'podwire restart' does the same.`,
  );
  command.action(({ logLevel, takeover = false }: { logLevel: LogLevel; takeover?: boolean }) =>
    up(source(), createLog(process.stderr, logLevel), takeover),
  );
}

async function up(source: ConfigSource, log: Log, takesOver: boolean): Promise<void> {
  const config = loadConfig(source);
  const signals = listen();
  const { createAgent } = await import('../../agent.js');
  const agent = createAgent({ config, readConfig: () => readAgain(source), log, takesOver, startSuccessor });
  signals.serve(agent, log);
  if (await agent.start()) process.stderr.write(`${readyLine(agent.status())}\n`);

  process.exitCode = await agent.stopped;
  setTimeout(() => process.exit(), LAST_WORDS).unref();
}

/** The node runs already: an error says that it goes on as it was. */
function readAgain(source: ConfigSource): NodeConfig {
  try {
    return loadConfig(source);
  } catch (error) {
    if (!(error instanceof PodwireError)) throw error;
    throw new PodwireError(error.code, `${error.message}\nnothing was changed`, { cause: error });
  }
}

/** Signals are heard from the start, so that none is lost while the program is loaded. */
function listen(): { serve: (agent: Agent, log: Log) => void } {
  const early: NodeJS.Signals[] = [];
  let act = (signal: NodeJS.Signals): void => void early.push(signal);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', GIVE_WAY] as const) process.on(signal, () => act(signal));
  return {
    serve(agent, log) {
      act = (signal) => {
        if (signal === 'SIGHUP') agent.reload().catch((error) => logFailure(log, error));
        else if (signal === GIVE_WAY) agent.giveWay().catch((error) => logFailure(log, error));
        else end(agent, log, signal);
      };
      early.forEach(act);
    },
  };
}

function end(agent: Agent, log: Log, signal: NodeJS.Signals): void {
  log.info({ signal }, 'ending');
  agent.end().catch((error) => {
    logFailure(log, error);
    process.exit(EXIT_FAILED);
  });
}

/** One line, however many problems there are. */
function logFailure(log: Log, error: unknown): void {
  const message = messageOf(error);
  log.error(error instanceof PodwireError ? { code: error.code } : { err: error }, message.replaceAll('\n', '; '));
}

/** The line that says that traffic flows, with the node's facts. */
export function readyLine({ node, underlays, podCidr, device, mtu, mac, workers, peers }: NodeStatus): string {
  const facts = {
    node,
    underlay: underlays.join(','),
    podCidr: podCidr.join(','),
    device,
    mtu,
    mac,
    workers,
    peers: peers.length,
  };
  return `ready ${Object.entries(facts)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')}`;
}
