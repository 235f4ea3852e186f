import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { RunReport } from '../../sim/index.js';
import { PodwireError } from '../../wire/error.js';
import { addExamples } from '../help.js';
import { LiveBlock } from '../live.js';
import { whole } from '../option-values.js';
import { type Look, lookOf, obeysEscapes, print, printJson } from '../output.js';
import { tableLines } from '../table.js';
import { bytesText, countText } from '../units.js';

interface SimOptions {
  json?: boolean;
  list?: boolean;
  nodes?: number;
  seed?: number;
  svg?: string;
}

export function configure(command: Command): void {
  command
    .argument('[SCENARIO]', 'a file, YAML or JSON, or the name of a built-in one')
    .option('--list', 'show the built-in scenarios')
    .option('--nodes <COUNT>', 'how many nodes, instead of what the scenario says', whole())
    .option('--seed <NUMBER>', 'replays a run (default: a new one, which is told)', whole())
    .option('--svg <FILE>', 'draw how each change became known')
    .option('--json', 'print JSON');
  addExamples(command, [
    ['podwire sim kill --nodes 1000', 'how long until a thousand nodes know that one is dead'],
    ['podwire sim examples/sim/unkind.yaml --svg curves.svg', 'a scenario of your own, drawn'],
    ['podwire sim churn --seed 7 --json', 'the same run again, for a program'],
  ]);
  command.addHelpText(
    'after',
    `
The nodes run the membership protocol as podwire up does, on a simulated network in virtual time. 10,000 nodes take a few
minutes and 8 GB of memory (NODE_OPTIONS=--max-old-space-size=8192).`,
  );
  command.action(async (scenario: string | undefined, options: SimOptions) => simulate(scenario, options));
}

async function simulate(name: string | undefined, { json, list, nodes, seed, svg }: SimOptions): Promise<void> {
  const { BUILT_IN, checkScenario, convergenceSvg, parseScenario, runScenario } = await import('../../sim/index.js');
  if (list && json) {
    printJson(BUILT_IN);
    return;
  }
  if (list) {
    print(
      Object.entries(BUILT_IN)
        .map(([one, facts]) => `${one.padEnd(8)}${JSON.stringify(facts.actions)}`)
        .join('\n'),
    );
    return;
  }
  if (name === undefined)
    throw new PodwireError('CONFIG', `name a scenario: a file, or ${Object.keys(BUILT_IN).join(', ')}`);
  const changes = nodes === undefined ? {} : { nodes };
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  const scenario = builtIn ? checkScenario(builtIn, changes) : parseScenario(readText(name), changes);
  const used = seed ?? randomInt(2 ** 31);
  const report = runScenario(scenario, used, json ? undefined : progress(process.stderr));
  if (svg !== undefined) writeFileSync(svg, convergenceSvg(`${name}, ${scenario.nodes} nodes, seed ${used}`, [report]));
  if (json) printJson(report);
  else print(reportText(report, lookOf(process.stdout)));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PodwireError(
      'CONFIG',
      `${file}: cannot be read (${code}), and is no built-in scenario: podwire sim --list`,
    );
  }
}

/** A line on a terminal that is written over; nothing elsewhere. */
function progress(out: NodeJS.WriteStream): ((part: number, events: number) => void) | undefined {
  if (!obeysEscapes(out)) return undefined;
  const block = new LiveBlock(out);
  const started = performance.now();
  return (part, events) => {
    const rate = events / Math.max(1, performance.now() - started);
    const line = `${(100 * part).toFixed(0)} % of the virtual time, ${countText(events)} events, ${rate.toFixed(0)}k/s`;
    block.draw(part < 1 ? [line] : []);
  };
}

const PARTS = [0, 0.5, 0.9, 0.99, 1] as const;

export function reportText(report: RunReport, look: Look): string {
  const { nodes, seconds, counted, seed, spreads, traffic, bytesPerNodeSecond, packetsPerNodeSecond } = report;
  const head = `${countText(nodes)} nodes, ${seconds} s of virtual time, ${countText(report.events)} events; seed ${seed}`;
  const columns = ['WHAT', 'AT', 'FIRST', 'HALF', '90 %', '99 %', 'ALL'].map((title, i) => ({
    title,
    align: i === 0 ? ('left' as const) : ('right' as const),
  }));
  const rows = spreads.map(({ what, at, times, witnesses }) => [
    what,
    `${(at / 1000).toFixed(0)} s`,
    ...PARTS.map((part) => {
      const time = times[Math.max(1, Math.ceil(part * witnesses)) - 1];
      return time === undefined ? 'never' : `${(time / 1000).toFixed(2)} s`;
    }),
  ]);
  const costs = Object.entries(traffic).map(([purpose, { bytes, packets }]) => [
    purpose,
    `${bytesText(bytes / nodes / counted)}/s`,
    `${(packets / nodes / counted).toFixed(2)}/s`,
  ]);
  const sum = ['together', `${bytesText(bytesPerNodeSecond)}/s`, `${packetsPerNodeSecond.toFixed(2)}/s`];
  const right = { align: 'right' as const };
  return [
    head,
    '',
    ...(rows.length > 0 ? [...tableLines(columns, rows, look), ''] : []),
    ...tableLines(
      [{ title: 'EACH NODE' }, { title: 'BYTES', ...right }, { title: 'PACKETS', ...right }],
      [...costs, sum],
      look,
    ),
    '',
    `at the end ${countText(report.wrongViews)} of ${countText(report.views)} views of each other are wrong`,
    `false: ${report.falseSuspicions} suspicions, ${report.falseDeaths} deaths told of ${report.falselyDead} living nodes` +
      ` (${report.falseDeathsOfHealthy} of nodes that were not slow)`,
  ].join('\n');
}
