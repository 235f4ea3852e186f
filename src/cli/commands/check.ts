import type { Command } from 'commander';
import { checkNode, type Finding, fatalProblems } from '../../control/check.js';
import { formatSeed } from '../../control/config/endpoint.js';
import { loadConfig } from '../../control/config/load.js';
import type { NodeConfig, PlacedConfig } from '../../control/config/node-config.js';
import type { Underlay } from '../../core/underlay.js';
import { gatherFacts } from '../../os/facts.js';
import { ownAddressesTowards } from '../../os/own-address.js';
import { SeedResolver } from '../../os/seed-resolver.js';
import { addConfigOptions } from '../config-options.js';
import { EXIT_OK, EXIT_REFUSED } from '../failure.js';
import { addExamples } from '../help.js';
import { type Look, lookOf, print, printJson, type Style } from '../output.js';
import { type Cell, tableLines } from '../table.js';

export function configure(command: Command): void {
  command.option('--json', 'print JSON: {fit, findings}');
  const source = addConfigOptions(command);
  addExamples(command, [
    ['podwire check --config /etc/podwire.yaml', 'the configuration and this machine; changes nothing'],
    ['podwire check -c FILE --json | jq .fit', 'for a program'],
  ]);
  command.addHelpText('after', '\nEnds with 0 if the node can run, warnings or not, and with 2 if it cannot.');
  command.action(async (options: { json?: boolean }) => {
    const config = loadConfig(source());
    const underlay = config.underlay ?? (await found(config));
    const findings = underlay.length > 0 ? await check({ ...config, underlay }) : [noRoute(config)];
    const fit = fatalProblems(findings).length === 0;
    if (options.json) printJson({ fit, findings });
    else print(findingsText(findings, lookOf(process.stdout)));
    process.exitCode = fit ? EXIT_OK : EXIT_REFUSED;
  });
}

/** As `up` finds it. */
async function found({ join }: NodeConfig): Promise<Underlay> {
  const resolver = new SeedResolver({ onFailure: () => {} });
  const seeds = await Promise.all(join.map((seed) => resolver.resolve(seed)));
  return (await ownAddressesTowards(seeds.flat())).underlay;
}

async function check(config: PlacedConfig): Promise<Finding[]> {
  return checkNode(config, await gatherFacts(config));
}

function noRoute({ join }: NodeConfig): Finding {
  return {
    level: 'bad',
    subject: 'underlay',
    message: `there is no route to ${join.map(formatSeed).join(', ')}, so no own address towards it`,
    mend: 'see whether the network is up, or set underlay',
  };
}

const MARKS: Record<Finding['level'], { text: string; style: Style }> = {
  ok: { text: '✓', style: 'green' },
  warn: { text: '!', style: 'yellow' },
  bad: { text: '✗', style: 'red' },
};

export function findingsText(findings: readonly Finding[], look: Look): string {
  const rows = findings.flatMap(({ level, subject, message, mend }): Cell[][] => [
    [MARKS[level], subject, message],
    ...(mend ? [['', '', { text: `→ ${mend}`, style: 'bold' as const }]] : []),
  ]);
  const table = tableLines([{ title: '' }, { title: '' }, { title: '', wrap: true }], rows, look);
  return [...table, '', verdict(findings)].join('\n');
}

function verdict(findings: readonly Finding[]): string {
  const bad = findings.filter(({ level }) => level === 'bad').length;
  const warnings = findings.filter(({ level }) => level === 'warn').length;
  if (bad > 0) return `not fit: mend what is marked ✗ (${bad})`;
  return warnings > 0 ? `fit, with warnings (${warnings})` : 'fit';
}
