import { type Command, Option } from 'commander';
import { resultLine } from '../../bench/figures.js';
import { benchLocal } from '../../bench/local.js';
import { machine } from '../../bench/statistics.js';
import { LABORATORIES, type Laboratory } from '../../lab/plan.js';
import { ensurePrivileges } from '../../lab/privileges.js';
import { hasProgram } from '../../lab/tools.js';
import { loadNative } from '../../os/native.js';
import { PodwireError } from '../../wire/error.js';
import { addSuiteOptions, suiteOf, type WrittenSuite } from '../bench-options.js';
import { BenchScreen } from '../bench-screen.js';
import { localTables } from '../bench-table.js';
import { addExamples } from '../help.js';
import { between } from '../option-values.js';
import { lookOf, printJson } from '../output.js';

interface Options extends WrittenSuite {
  readonly rounds: number;
  readonly laboratory: Laboratory | 'both';
  readonly json?: boolean;
}

export function configureLocal(command: Command): void {
  addSuiteOptions(command, ['tcp', 'udp', 'rtt'])
    .description(
      'Measure podwire beside the kernel vxlan device on this machine, between two hosts in network namespaces.',
    )
    .option('--rounds <COUNT>', 'interleaved', between(1, 100), 3)
    .addOption(
      new Option(
        '--laboratory <WHICH>',
        'virtual: superpackets cross whole; cable: as over a real cable, needs ethtool',
      )
        .choices([...LABORATORIES, 'both'])
        .default('virtual'),
    )
    .option('--json', 'print JSON');
  addExamples(command, [
    ['podwire bench local', 'three rounds, some two minutes; removes all that it made'],
    ['podwire bench local --laboratory both --rounds 5', 'both laboratories'],
    ['podwire bench local --rounds 1 --seconds 1 --json', 'for a program'],
  ]);
  command.addHelpText('after', '\nIt makes its own hosts and removes them; nodes that run here are not touched.');
  command.action(async ({ rounds, laboratory, json, ...written }: Options) => {
    const suite = suiteOf(written);
    const laboratories = laboratory === 'both' ? LABORATORIES : [laboratory];
    loadNative();
    await ensurePrivileges();
    const programs = ['ip', 'nsenter', ...(laboratories.includes('cable') ? ['ethtool'] : [])];
    const missing = programs.find((program) => !hasProgram(program));
    if (missing !== undefined) throw new PodwireError('MACHINE', `the program ${missing} is not installed`);

    const screen = new BenchScreen(json ? undefined : process.stdout);
    screen.line(machine());
    const skipped: string[] = [];
    const options = { rounds: Math.round(rounds), laboratories, suite };
    const report = await benchLocal(options, {
      progress: (words) => screen.progress(words),
      result: ({ laboratory: where, contender, round }, result) =>
        screen.line(`${where}, round ${round}, ${contender}: ${resultLine(result)}`),
      skipped: (words) => {
        skipped.push(words);
        screen.line(`! ${words}`);
      },
    });
    if (json) printJson({ machine: machine(), options, skipped, ...report });
    else {
      const tables = localTables(report, lookOf(process.stdout));
      screen.finish([machine(), '', ...tables, ...skipped.map((words) => `! ${words}`)]);
    }
  });
}
