/**
 * The direction of dependencies, as a check over source texts: which folder may import which, no cycles between files, and
 * no input or output where there should be none. Pure: paths and texts in, complaints out.
 */
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import ts from 'typescript';

/** Texts by path, from the project's root: `src/wire/ip.ts`. */
export type Sources = ReadonlyMap<string, string>;

interface Import {
  readonly file: string;
  /** As it stands in the file. */
  readonly specifier: string;
  /** The project's file that it means, or `node:NAME`, or a package's name. */
  readonly target: string;
}

const DECIDES = ['bytes', 'wire', 'core'];
const WORKS = [...DECIDES, 'dataplane', 'control'];

/** What each folder of src may import besides itself; `agent.ts` is src/agent.ts. Files of src itself import anything. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  bytes: ['wire'],
  wire: ['bytes'],
  core: ['bytes', 'wire'],
  dataplane: DECIDES,
  control: DECIDES,
  pods: WORKS,
  os: [...WORKS, 'pods'],
  sim: ['wire', 'core'],
  lab: ['wire', 'core', 'os', 'control'],
  bench: ['bytes', 'wire', 'core', 'os', 'lab', 'api'],
  api: ['wire', 'core', 'control', 'dataplane'],
  cli: [...WORKS, 'pods', 'os', 'lab', 'sim', 'api', 'bench', 'agent.ts'],
};

/** Modules of Node that touch the world. */
const WORLD = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'http',
  'http2',
  'https',
  'inspector',
  'net',
  'os',
  'process',
  'readline',
  'repl',
  'timers',
  'tls',
  'tty',
  'worker_threads',
];

/** Modules of Node that a folder does without. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  bytes: WORLD,
  wire: WORLD,
  core: WORLD,
  dataplane: ['child_process', 'dgram', 'fs', 'http', 'http2', 'https'],
  pods: WORLD,
  sim: WORLD,
};

/** `isIP` is a pure function that lives in an impure module. */
const EXCEPTIONS = ['src/wire/address.ts imports node:net'];

/** Largest source file, bytes. */
const LARGEST = 24 * 1024;

/** Complaints about folders: an import against the arrows, or into dist, or of nothing. */
export function wrongArrows(sources: Sources): string[] {
  return [...imports(sources)].flatMap(({ file, specifier, target }) => {
    const complaint = (why: string) => [`${file} imports ${specifier}: ${why}`];
    if (/(^|\/)dist(\/|$)/.test(specifier)) return complaint('nothing is imported from what is built');
    if (!specifier.startsWith('.')) return [];
    if (!sources.has(target)) return complaint(`there is no ${target}`);
    const [from, to] = [place(file), place(target)];
    if (from.endsWith('.ts') || from === to) return [];
    const allowed = ARROWS[from];
    if (!allowed) return complaint(`the folder ${from} has no arrows yet: give it some in test/arch/arrows.ts`);
    if (allowed.includes(to)) return [];
    return complaint(`${from} may import ${allowed.join(', ')}, not ${to}`);
  });
}

/** Complaints about input and output where all is decided without. */
export function wrongBuiltins(sources: Sources): string[] {
  return [...imports(sources)].flatMap(({ file, target }) => {
    if (!target.startsWith('node:')) return [];
    const module = target.slice('node:'.length).split('/')[0];
    if (!FORBIDDEN[place(file)]?.includes(module)) return [];
    const what = `${file} imports ${target}`;
    return EXCEPTIONS.includes(what) ? [] : [`${what}: ${place(file)} does no such input or output`];
  });
}

/** Cycles between files, each as the path around it; imports of types count like any other. */
export function cycles(sources: Sources): string[] {
  const edges = new Map<string, string[]>([...sources.keys()].map((file) => [file, []]));
  for (const { file, target } of imports(sources)) if (sources.has(target)) edges.get(file)?.push(target);

  const found: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start !== -1) {
      found.push([...path.slice(start), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const next of edges.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of edges.keys()) visit(file);
  return found;
}

/** Complaints about files that have more than one subject, going by their size. */
export function tooLarge(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) => {
    const size = Buffer.byteLength(text);
    return size > LARGEST ? [`${file} has ${size} bytes, more than ${LARGEST}: divide it by subject`] : [];
  });
}

/**
 * Paths of ours that a document names in backticks. A path with a pattern in it (`test/unit/*`) counts up to the last
 * folder before the pattern.
 */
export function namedPaths(document: string): string[] {
  const named = document.matchAll(/`((?:src|test|native|proto|bench|examples|docs)\/[^`\s]*)`/g);
  return [...named].map(([, path]) => path.replace(/[^/]*[*{<].*$/, '').replace(/\/$/, ''));
}

function* imports(sources: Sources): Generator<Import> {
  for (const [file, text] of sources) {
    for (const { fileName: specifier } of ts.preProcessFile(text, true, true).importedFiles) {
      yield { file, specifier, target: resolve(file, specifier) };
    }
  }
}

function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');
  return builtinModules.includes(specifier) ? `node:${specifier}` : specifier;
}

/** The folder of src that a file lies in, or its name if it lies in src itself. */
function place(file: string): string {
  return file.split('/')[1];
}
