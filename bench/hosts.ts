/**
 * `npm run bench:hosts`: podwire beside a kernel vxlan device and every overlay that is installed, or with `--native` podwire
 * with the addon, with less of it and without it; between two hosts in network namespaces, with iperf3 and ping, in the two
 * laboratories (src/lab/plan.ts). Rounds are interleaved; medians and spread are printed, and with `--out` written as JSON and
 * as a chart.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Option } from 'commander';
import { machine } from '../src/bench/statistics.js';
import { whole } from '../src/cli/option-values.js';
import type { Laboratory } from '../src/lab/plan.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { hasProgram } from '../src/lab/tools.js';
import { messageOf } from '../src/wire/error.js';
import type { Sample } from './hosts/figures.js';
import { measureOverlay } from './hosts/measure.js';
import { chart, json, table } from './hosts/report.js';
import { fastd } from './peers/fastd.js';
import { kernelVxlan } from './peers/kernel-vxlan.js';
import { n2n } from './peers/n2n.js';
import { nebula } from './peers/nebula.js';
import { openvpn } from './peers/openvpn.js';
import type { Overlay } from './peers/overlay.js';
import { podwire, podwireModes } from './peers/podwire.js';
import { tinc } from './peers/tinc.js';
import { wireguardGo } from './peers/wireguard-go.js';
import { requirePrograms, script } from './script.js';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly native?: boolean;
  readonly laboratory: Laboratory | 'both';
  readonly only?: string;
  readonly out?: string;
}

const { rounds, seconds, native, laboratory, only, out } = script(
  'bench:hosts',
  'podwire beside a kernel vxlan device and every overlay that is installed, between two hosts in network namespaces.',
  ['--rounds 5 --laboratory both --out /tmp/results', 'some 20 minutes with all peers: tables, JSON and charts'],
  ['--only podwire,kernel --rounds 2', 'two of them, a few minutes'],
)
  .option('--rounds <COUNT>', 'of which medians are taken', whole(1, 1000), 3)
  .option('--seconds <SECONDS>', 'of each test', whole(1, 60), 3)
  .option('--native', 'podwire alone: with the addon, with less of it, without it')
  .addOption(
    new Option('--laboratory <NAME>', 'superpackets cross whole, or every frame fits the link')
      .choices(['virtual', 'cable', 'both'])
      .default('virtual'),
  )
  .option('--only <NAMES>', 'overlays whose names begin so')
  .option('--out <FOLDER>', 'write every sample as JSON, and a chart')
  .parse()
  .opts<Options>();

await ensurePrivileges();
requirePrograms('bench:hosts', ['iperf3', 'ping'], 'iperf3 iputils-ping');
const all = native ? podwireModes : [kernelVxlan, podwire, wireguardGo, tinc, fastd, openvpn, nebula, n2n];
const overlays = all.filter(({ name }) => isWanted(name)).filter(isInstalled);
const laboratories: readonly Laboratory[] = laboratory === 'both' ? ['virtual', 'cable'] : [laboratory];

const samples = new Map(
  laboratories.map((laboratory) => [laboratory, new Map(overlays.map(({ name }) => [name, [] as Sample[]]))]),
);
for (let round = 1; round <= rounds; round++) {
  for (const laboratory of laboratories) {
    for (const overlay of overlays) {
      console.error(`round ${round}, ${laboratory}: ${overlay.name}`);
      await tryOnce(overlay, laboratory);
    }
    // A long run that is broken off leaves what it has.
    write(laboratory);
  }
}
for (const laboratory of laboratories) {
  const words = `underlay MTU 1500, laboratory ${laboratory}; medians of ${rounds} rounds of ${seconds} s, least to most`;
  console.log(`${machine()}; ${words}\n\n${table(measured(laboratory))}\n`);
}

async function tryOnce(overlay: Overlay, laboratory: Laboratory): Promise<void> {
  try {
    const sample = await measureOverlay(overlay, laboratory, seconds);
    samples.get(laboratory)?.get(overlay.name)?.push(sample);
  } catch (error) {
    console.error(`${overlay.name}: this round is missing: ${messageOf(error)}`);
  }
}

/** Without those of which no round came to an end. */
function measured(laboratory: Laboratory): Map<string, readonly Sample[]> {
  return new Map([...(samples.get(laboratory) ?? [])].filter(([, rounds]) => rounds.length > 0));
}

function write(laboratory: Laboratory): void {
  if (out === undefined) return;
  mkdirSync(out, { recursive: true });
  const found = measured(laboratory);
  writeFileSync(join(out, `${laboratory}.json`), json(machine(), laboratory, found));
  writeFileSync(join(out, `${laboratory}.svg`), chart(`Laboratory ${laboratory}: ${machine()}`, found));
}

function isWanted(name: string): boolean {
  return only === undefined || only.split(',').some((word) => name.startsWith(word));
}

function isInstalled({ name, program, programs = program === undefined ? [] : [program] }: Overlay): boolean {
  const missing = programs.filter((needed) => !hasProgram(needed));
  if (missing.length > 0) console.error(`${name}: skipped, ${missing.join(' and ')} not installed`);
  return missing.length === 0;
}
