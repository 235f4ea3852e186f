import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Sources } from './arrows.js';
import { cycles, namedPaths, tooLarge, wrongArrows, wrongBuiltins } from './arrows.js';

/** The project: the nearest folder above with a package.json. */
function findRoot(from: string): string {
  return existsSync(join(from, 'package.json')) ? from : findRoot(dirname(from));
}

const root = findRoot(dirname(fileURLToPath(import.meta.url)));

function readSources(): Sources {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const paths = files.filter((file) => file.endsWith('.ts')).map((file) => `src/${file}`);
  return new Map(paths.sort().map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

t.test('the project', async (t) => {
  const sources = readSources();
  t.ok(sources.size > 30, `${sources.size} source files`);
  t.strictSame(wrongArrows(sources), [], 'arrows between folders');
  t.strictSame(wrongBuiltins(sources), [], 'no input and output where all is decided without');
  t.strictSame(cycles(sources), [], 'no cycles between files');
  t.strictSame(tooLarge(sources), [], 'small files');
  for (const document of ['README.md', 'ARCHITECTURE.md']) {
    const gone = namedPaths(readFileSync(join(root, document), 'utf8')).filter((path) => !existsSync(join(root, path)));
    t.strictSame(gone, [], `${document} names nothing that is not there`);
  }
});

t.test('each rule can fail', async (t) => {
  const sources: Sources = new Map([
    ['src/agent.ts', "import '../dist/src/wire/ip.js';\nimport './cli/up.js';"],
    ['src/cli/up.ts', "import { startAgent } from '../agent.js';"],
    ['src/core/swim.ts', "import type { Edge } from '../dataplane/edges.js';\nimport { cpus } from 'os';"],
    ['src/dataplane/edges.ts', "export { x } from '../core/swim.js';\nawait import('node:fs/promises');"],
    ['src/wire/address.ts', "import { isIP } from 'node:net';\nimport { gone } from './gone.js';"],
    ['src/wire/large.ts', "import { connect } from 'node:net';\n".concat('/'.repeat(25_000))],
    ['src/fresh/new.ts', "import '../wire/address.js';\n// import '../cli/up.js';"],
  ]);
  t.strictSame(wrongArrows(sources), [
    'src/agent.ts imports ../dist/src/wire/ip.js: nothing is imported from what is built',
    'src/core/swim.ts imports ../dataplane/edges.js: core may import bytes, wire, not dataplane',
    'src/wire/address.ts imports ./gone.js: there is no src/wire/gone.ts',
    'src/fresh/new.ts imports ../wire/address.js: the folder fresh has no arrows yet: give it some in test/arch/arrows.ts',
  ]);
  t.strictSame(wrongBuiltins(sources), [
    'src/core/swim.ts imports node:os: core does no such input or output',
    'src/dataplane/edges.ts imports node:fs/promises: dataplane does no such input or output',
    'src/wire/large.ts imports node:net: wire does no such input or output',
  ]);
  t.strictSame(cycles(sources), [
    'src/agent.ts -> src/cli/up.ts -> src/agent.ts',
    'src/core/swim.ts -> src/dataplane/edges.ts -> src/core/swim.ts',
  ]);
  t.match(tooLarge(sources), [/^src\/wire\/large\.ts has 25036 bytes/]);
  t.strictSame(namedPaths('`src/wire/ip.ts`, `test/unit/*.test.ts`, `native/`, `npm test`, src/not/quoted'), [
    'src/wire/ip.ts',
    'test/unit',
    'native',
  ]);
});
