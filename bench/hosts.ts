/**
 * `npm run bench:hosts -- [--rounds 3] [--seconds 3] [--native] [--laboratory virtual|cable|both] [--only podwire,…] [--out FOLDER]`:
 * podwire beside a kernel vxlan device and every overlay that is installed, or with `--native` podwire with the addon, with
 * less of it and without it; between two hosts in network namespaces, with iperf3 and ping, in the two laboratories
 * (src/lab/plan.ts). Rounds are interleaved; medians and spread are printed, and with `--out` written as JSON and as a chart.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../src/bench/statistics.js';
import { type Laboratory, laboratoryOf } from '../src/lab/plan.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { hasProgram } from '../src/lab/tools.js';
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

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    native: { type: 'boolean', default: false },
    laboratory: { type: 'string' },
    only: { type: 'string' },
    out: { type: 'string' },
  },
});

await ensurePrivileges();
for (const program of ['iperf3', 'ping']) {
  if (hasProgram(program)) continue;
  console.error(`bench:hosts needs ${program}: apt-get install iperf3 iputils-ping`);
  process.exit(2);
}
const all = values.native ? podwireModes : [kernelVxlan, podwire, wireguardGo, tinc, fastd, openvpn, nebula, n2n];
const overlays = all.filter(({ name }) => isWanted(name)).filter(isInstalled);
const laboratories: readonly Laboratory[] =
  values.laboratory === 'both' ? ['virtual', 'cable'] : [laboratoryOf(values.laboratory)];

const samples = new Map(
  laboratories.map((laboratory) => [laboratory, new Map(overlays.map(({ name }) => [name, [] as Sample[]]))]),
);
for (let round = 1; round <= Number(values.rounds); round++) {
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
  const words = `underlay MTU 1500, laboratory ${laboratory}; medians of ${values.rounds} rounds of ${values.seconds} s, least to most`;
  console.log(`${machine()}; ${words}\n\n${table(measured(laboratory))}\n`);
}

async function tryOnce(overlay: Overlay, laboratory: Laboratory): Promise<void> {
  try {
    const sample = await measureOverlay(overlay, laboratory, Number(values.seconds));
    samples.get(laboratory)?.get(overlay.name)?.push(sample);
  } catch (error) {
    console.error(`${overlay.name}: this round is missing: ${error instanceof Error ? error.message : error}`);
  }
}

/** Without those of which no round came to an end. */
function measured(laboratory: Laboratory): Map<string, readonly Sample[]> {
  return new Map([...(samples.get(laboratory) ?? [])].filter(([, rounds]) => rounds.length > 0));
}

function write(laboratory: Laboratory): void {
  if (values.out === undefined) return;
  mkdirSync(values.out, { recursive: true });
  const found = measured(laboratory);
  writeFileSync(join(values.out, `${laboratory}.json`), json(machine(), laboratory, found));
  writeFileSync(join(values.out, `${laboratory}.svg`), chart(`Laboratory ${laboratory}: ${machine()}`, found));
}

function isWanted(name: string): boolean {
  return values.only === undefined || values.only.split(',').some((word) => name.startsWith(word));
}

function isInstalled({ name, program, programs = program === undefined ? [] : [program] }: Overlay): boolean {
  const missing = programs.filter((needed) => !hasProgram(needed));
  if (missing.length > 0) console.error(`${name}: skipped, ${missing.join(' and ')} not installed`);
  return missing.length === 0;
}
