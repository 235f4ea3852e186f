/**
 * `npm run bench:cni`: what each verb of the CNI plugin takes, and what it answers to faults, beside Debian's `bridge` with
 * `host-local`: in the same namespaces, call by call in turn. Times are those of the whole process, as a runtime waits for it,
 * nsenter and env before it included (the same for both).
 */
import { writeFileSync } from 'node:fs';
import { machine, quantile } from '../src/bench/statistics.js';
import { whole } from '../src/cli/option-values.js';
import { type Called, type Container, containers } from '../src/lab/containers.js';
import { Lab } from '../src/lab/lab.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { type FaultOutcome, tryFaults } from './cni/faults.js';
import { Podwire, Reference, referenceMissing, type Subject } from './cni/subjects.js';
import { markdownTable } from './markdown.js';
import { script } from './script.js';

const VERBS = ['VERSION', 'STATUS', 'ADD', 'CHECK', 'DEL'] as const;
type Verb = (typeof VERBS)[number];

const { rounds, ...files } = script(
  'bench:cni',
  "What each verb of the CNI plugin takes, and what it answers to faults, beside Debian's bridge with host-local.",
)
  .option('--rounds <COUNT>', 'calls of each verb', whole(1, 1000), 100)
  .option('--json <FILE>', 'write every time')
  .option('--markdown <FILE>', 'write the tables')
  .parse()
  .opts<{ readonly rounds: number; readonly json?: string; readonly markdown?: string }>();

interface Timing {
  readonly subject: Subject['name'];
  readonly verb: Verb;
  readonly ms: number[];
  /** Calls that failed, and what the last one said. */
  failed: number;
  words: string;
}

await ensurePrivileges();
const lab = await Lab.create({ name: 'cnibench', hosts: 1, pods: 0 });
const missing = referenceMissing();
if (missing !== undefined) console.error(`bridge and host-local: skipped, ${missing}`);
const subjects: readonly Subject[] = [new Podwire(lab), ...(missing === undefined ? [new Reference(lab)] : [])];
try {
  for (const subject of subjects) await subject.start();
  const timings = await measure();
  const faults: FaultOutcome[] = [];
  for (const subject of subjects) await tryFaults(lab, subject, (outcome) => faults.push(outcome));
  const text = markdown(timings, faults);
  console.log(text);
  if (files.markdown) writeFileSync(files.markdown, text);
  const at = new Date().toISOString();
  if (files.json) writeFileSync(files.json, `${JSON.stringify({ at, machine: machine(), rounds, timings, faults })}\n`);
} finally {
  for (const subject of subjects) await subject.stop();
  await lab.destroy();
}

async function measure(): Promise<Timing[]> {
  const timings = subjects.flatMap(({ name }) =>
    VERBS.map((verb): Timing => ({ subject: name, verb, ms: [], failed: 0, words: '' })),
  );
  const note = ({ name }: Subject, verb: Verb, { code, ms, stdout, json }: Called) => {
    const timing = timings.find((one) => one.subject === name && one.verb === verb);
    if (!timing) return;
    timing.ms.push(ms);
    if (code === 0) return;
    timing.failed++;
    timing.words = json.msg ?? stdout;
  };
  const [pod] = await containers(lab, lab.hosts[0], 'pod');
  for (let round = 0; round < rounds; round++) {
    // Who goes first changes: the second finds the machine's caches warm.
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) await oneRound(subject, pod, note);
  }
  return timings;
}

async function oneRound(
  subject: Subject,
  pod: Container,
  note: (subject: Subject, verb: Verb, called: Called) => void,
): Promise<void> {
  note(subject, 'VERSION', await subject.call('VERSION', pod));
  note(subject, 'STATUS', await subject.call('STATUS', pod, { config: { cniVersion: '1.1.0' } }));
  const added = await subject.call('ADD', pod);
  note(subject, 'ADD', added);
  const config = { prevResult: added.json };
  note(subject, 'CHECK', await subject.call('CHECK', pod, { config }));
  note(subject, 'DEL', await subject.call('DEL', pod, { config }));
}

function markdown(timings: readonly Timing[], faults: readonly FaultOutcome[]): string {
  const times = timings.map(({ subject, verb, ms, failed, words }) => [
    verb,
    subject,
    ...[0.5, 0.99].map((part) => quantile(ms, part).toFixed(1)),
    Math.min(...ms).toFixed(1),
    Math.max(...ms).toFixed(1),
    failed === 0 ? '' : `${failed} of ${ms.length} failed: ${plain(words)}`,
  ]);
  const outcomes = faults.map(({ fault, subject, outcome, ms, left }) => [
    fault,
    subject,
    plain(outcome),
    ms.toFixed(1),
    plain(left),
  ]);
  return [
    `${machine()}; ${rounds} rounds in turn`,
    '',
    markdownTable(['verb', 'who', 'p50, ms', 'p99, ms', 'least', 'most', ''], inOrder(times)),
    '',
    markdownTable(['fault', 'who', 'answer (CNI code: words)', 'ms', 'left behind'], inOrder(outcomes)),
    '',
  ].join('\n');
}

/** Rows of one thing beside each other, things in their order. */
function inOrder(rows: readonly string[][]): string[][] {
  const names = [...new Set(rows.map(([name]) => name))];
  return names.flatMap((name) => rows.filter((row) => row[0] === name));
}

/** Paths of this run, and what would end a cell, are left out. */
function plain(text: string): string {
  return text
    .replaceAll(/\/\S*podwire-cnibench-\d+\S*?(?=[\s";,:]|$)/g, '…')
    .replaceAll(/[|\p{Cc}]/gu, ' ')
    .trim();
}
