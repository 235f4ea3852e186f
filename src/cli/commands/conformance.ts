import { type Command, Option } from 'commander';
import type { Attach, Trial } from '../../lab/conformance.js';
import { EXIT_FAILED, EXIT_OK } from '../failure.js';
import { addExamples } from '../help.js';
import { type Look, lookOf, print, printJson } from '../output.js';
import { type Cell, tableLines } from '../table.js';

interface Options {
  readonly json?: boolean;
  readonly all?: boolean;
  readonly attach?: Attach;
}

export function configure(command: Command): void {
  command
    .option('--json', 'print every connection that was tried as JSON: {ok, trials}')
    .option('--all', 'a line for every connection, not only for those that failed')
    .addOption(new Option('--attach <HOW>', 'this one only').choices(['bridge', 'ptp', 'device']));
  addExamples(command, [
    [
      'podwire conformance',
      'three hosts in network namespaces, pods of every attachment: who reaches whom, seen as whom',
    ],
    [
      'podwire conformance --json | jq .ok',
      'for a program: ends with 0 only if everybody is seen under its own address',
    ],
  ]);
  command.addHelpText('after', '\nIt makes its own hosts and removes them; nodes that run here are not touched.');
  command.action(async ({ json, all = false, attach }: Options) => {
    const [{ tryModel }, { ensurePrivileges }] = await Promise.all([
      import('../../lab/conformance.js'),
      import('../../lab/privileges.js'),
    ]);
    await ensurePrivileges();
    const trials = await tryModel(attach && [attach]);
    const ok = trials.every((trial) => trial.ok);
    if (json) printJson({ ok, trials });
    else print(conformanceText(trials, all, lookOf(process.stdout)));
    process.exitCode = ok ? EXIT_OK : EXIT_FAILED;
  });
}

export function conformanceText(trials: readonly Trial[], all: boolean, look: Look): string {
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
    const key = [trial.rule, kindOf(trial.from), kindOf(trial.to), placeOf(trial)].join('\t');
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
      { title: 'WHERE' },
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
