/**
 * Builds the addon when the package is installed: one call of the C compiler, against the headers that came with Node; and
 * the CNI plugin, a program of its own (podwire-cni.c), which needs a compiler only. Nothing is downloaded. It never fails the installation: without a compiler all works through the optional package
 * koffi, and one line says that it is slower.
 *
 * PODWIRE_SANITIZE=1 builds a second addon beside the first, under the address and undefined-behaviour sanitizers.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = dirname(fileURLToPath(import.meta.url));
const sanitize = process.env.PODWIRE_SANITIZE === '1';
const output = join(native, 'build', ...(sanitize ? ['sanitize'] : []), 'podwire.node');
const stampFile = `${output}.stamp`;
const PLUGIN = 'podwire-cni.c';

const LOST =
  'podwire: the addon was not built (%): podwire works through the package koffi and TypeScript, slower. ' +
  "Install a C compiler (Debian: apt-get install gcc libc6-dev), then run 'npm rebuild'.";

/** Where node_api.h is: in Node's own prefix, or in the package node-api-headers. */
function findHeaders() {
  const prefix = join(dirname(process.execPath), '..', 'include', 'node');
  const configured = join(process.config.variables.node_prefix ?? '/usr', 'include', 'node');
  for (const folder of [prefix, configured, '/usr/include/node']) {
    if (existsSync(join(folder, 'node_api.h'))) return folder;
  }
  try {
    const folder = createRequire(import.meta.url)('node-api-headers').include_dir;
    return existsSync(join(folder, 'node_api.h')) ? folder : undefined;
  } catch {
    return undefined;
  }
}

function findCompiler() {
  const candidates = process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang'];
  return candidates.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);
}

/** Without it `podwire cni install` takes the plugin's twin in TypeScript: nothing to complain of. */
function buildPlugin(compiler) {
  const program = join(native, 'build', 'podwire-cni');
  const source = join(native, PLUGIN);
  const flags = [
    '-std=gnu11',
    '-Wall',
    '-Wextra',
    '-O2',
    '-D_GNU_SOURCE',
    '-D_FORTIFY_SOURCE=2',
    '-fstack-protector-strong',
  ];
  const digest = createHash('sha256')
    .update([compiler, process.arch, ...flags].join('\n'))
    .update(readFileSync(source));
  const stamp = digest.digest('hex');
  const stamped = `${program}.stamp`;
  if (existsSync(program) && existsSync(stamped) && readFileSync(stamped, 'utf8') === stamp) return;
  mkdirSync(dirname(program), { recursive: true });
  const draft = `${program}.${process.pid}`;
  if (spawnSync(compiler, [...flags, '-o', draft, source], { stdio: 'ignore' }).status !== 0) return;
  renameSync(draft, program);
  writeFileSync(stamped, stamp);
}

function build() {
  if (process.platform !== 'linux') return 'it is for Linux';
  const compiler = findCompiler();
  if (!compiler) return 'there is no C compiler';
  buildPlugin(compiler);
  const headers = findHeaders();
  if (!headers) return 'node_api.h is neither in Node’s prefix nor in the package node-api-headers';

  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8'));
  const sources = readdirSync(native).filter((name) => /\.[ch]$/.test(name) && name !== PLUGIN);
  const flags = [
    '-std=gnu11',
    '-Wall',
    '-Wextra',
    '-fPIC',
    '-shared',
    '-fvisibility=hidden',
    '-D_GNU_SOURCE',
    '-DNAPI_VERSION=8',
    `-DPODWIRE_VERSION="${version}"`,
    `-I${headers}`,
    ...(sanitize
      ? ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address,undefined']
      : ['-O3', '-D_FORTIFY_SOURCE=2', '-fstack-protector-strong']),
  ];
  const stamp = createHash('sha256').update([compiler, process.arch, ...flags].join('\n'));
  for (const name of sources.sort()) stamp.update(readFileSync(join(native, name)));
  const digest = stamp.digest('hex');
  if (existsSync(output) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest) return undefined;

  mkdirSync(dirname(output), { recursive: true });
  const draft = `${output}.${process.pid}`;
  const log = join(native, 'build', 'compiler.log');
  const files = sources.filter((name) => name.endsWith('.c')).map((name) => join(native, name));
  const run = spawnSync(compiler, [...flags, '-o', draft, ...files], { encoding: 'utf8' });
  if (run.status !== 0) {
    writeFileSync(log, `${run.stderr ?? run.error}`);
    return `${compiler} failed: see native/build/compiler.log`;
  }
  rmSync(log, { force: true });
  renameSync(draft, output);
  writeFileSync(stampFile, digest);
  return undefined;
}

function tryBuild() {
  try {
    return build();
  } catch (error) {
    return error.message;
  }
}

const problem = tryBuild();
if (problem) console.error(LOST.replace('%', problem));
process.exitCode = problem && sanitize ? 1 : 0;
