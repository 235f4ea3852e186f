/** The command line: which commands there are, and what they have in common. */
import { Command } from 'commander';
import { version } from '../os/version.js';
import { EXIT_CODES } from './failure.js';
import { addExamples, errorLine } from './help.js';

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Loads the code of the command: only what is run is loaded. */
  readonly load: () => Promise<{ configure: (command: Command) => void }>;
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: 'up', summary: 'run the node agent, in the foreground', load: () => import('./commands/up.js') },
  { name: 'down', summary: 'end the running node and remove what it made', load: () => import('./commands/down.js') },
  { name: 'status', summary: 'show the node and its peers', load: () => import('./commands/status.js') },
  {
    name: 'members',
    summary: 'show the nodes of the cluster, and whether they are there',
    load: () => import('./commands/members.js'),
  },
  { name: 'peers', summary: 'show the peers, with their traffic', load: () => import('./commands/peers.js') },
  { name: 'routes', summary: 'show which node owns which prefix', load: () => import('./commands/routes.js') },
  {
    name: 'counters',
    summary: 'show what was carried and what was dropped',
    load: () => import('./commands/counters.js'),
  },
  { name: 'reload', summary: 'read the configuration again and apply it', load: () => import('./commands/reload.js') },
  {
    name: 'restart',
    summary: 'start the running node anew, without losing a packet',
    load: () => import('./commands/restart.js'),
  },
  { name: 'ipam', summary: 'show which node owns which subnet', load: () => import('./commands/ipam.js') },
  { name: 'pods', summary: 'show the pods of the node', load: () => import('./commands/pods.js') },
  {
    name: 'cni',
    summary: 'put the CNI plugin where container runtimes look for it',
    load: () => import('./commands/cni.js'),
  },
  { name: 'key', summary: 'make keys, and change those of a running cluster', load: () => import('./commands/key.js') },
  { name: 'events', summary: 'show what happened in the cluster', load: () => import('./commands/events.js') },
  { name: 'leave', summary: 'leave the cluster for good, and end the node', load: () => import('./commands/leave.js') },
  {
    name: 'check',
    summary: 'tell whether this machine is fit, and what to mend',
    load: () => import('./commands/check.js'),
  },
  {
    name: 'demo',
    summary: 'show it on this machine: three hosts that can only route',
    load: () => import('./commands/demo.js'),
  },
  {
    name: 'conformance',
    summary: 'try the network model between pods and nodes',
    load: () => import('./commands/conformance.js'),
  },
  {
    name: 'bench',
    summary: 'measure podwire, on this machine or to another node',
    load: () => import('./commands/bench.js'),
  },
  { name: 'sim', summary: 'simulate the membership of thousands of nodes', load: () => import('./commands/sim.js') },
  { name: 'version', summary: 'show versions', load: () => import('./commands/version.js') },
];

/** @param words the commands among them get their options and actions, the others stay names */
export async function buildProgram(words: readonly string[]): Promise<Command> {
  const program = new Command('podwire')
    .description('A userspace overlay network for pods: VXLAN between machines that carry nothing but IP.')
    .version(version, '-V, --version', 'print the version')
    .option('-c, --config <FILE>', 'the configuration, JSON or YAML')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(`${errorLine('podwire', text)}\n`) })
    .addHelpText('afterAll', EXIT_CODES);
  addExamples(program, [
    ['podwire check --config /etc/podwire.yaml', 'is this machine fit?'],
    ['podwire up --config /etc/podwire.yaml', 'run the node'],
    ['podwire status', 'ask the running node'],
    ['podwire COMMAND --help', 'more about a command'],
  ]);
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).description(sentence(summary)).summary(summary);
    if (words.includes(name)) (await load()).configure(command);
  }
  return program;
}

/** commander answers `help nosuch` with the general help: it is refused as `nosuch` itself is, with what was meant. */
export function wordsToParse(words: readonly string[]): readonly string[] {
  const [first, asked = ''] = words;
  const known =
    asked === '' || asked === 'help' || asked.startsWith('-') || COMMANDS.some(({ name }) => name === asked);
  return first === 'help' && !known ? words.slice(1) : words;
}

/** Everything, for the reference. */
export function buildWholeProgram(): Promise<Command> {
  return buildProgram(COMMANDS.map(({ name }) => name));
}

function sentence(summary: string): string {
  return `${summary[0].toUpperCase()}${summary.slice(1)}.`;
}
