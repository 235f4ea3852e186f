/** The addon under the address and undefined-behaviour sanitizers: the differential run, and garbage. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { packageRoot } from '../package-root.js';

const root = packageRoot();
const library = spawnSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout?.trim() ?? '';
const skip =
  library.startsWith('/') && existsSync(library) ? false : 'needs gcc with its sanitizers (package libasan8)';

t.test('C compiles without a warning', { skip: library === '' ? 'needs gcc' : false }, (t) => {
  const headers = join(process.execPath, '..', '..', 'include', 'node');
  const flags = [
    '-std=gnu11',
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-fsyntax-only',
    '-D_GNU_SOURCE',
    '-DNAPI_VERSION=8',
  ];
  const run = spawnSync('sh', ['-c', `gcc ${flags.join(' ')} '-DPODWIRE_VERSION="x"' -I'${headers}' native/*.c`], {
    cwd: root,
    encoding: 'utf8',
  });
  t.equal(run.stderr, '');
  t.equal(run.status, 0);
  t.end();
});

t.test('no overflow and no undefined behaviour', { skip, timeout: 120_000 }, (t) => {
  const build = spawnSync(process.execPath, ['native/install.mjs'], {
    cwd: root,
    env: { ...process.env, PODWIRE_SANITIZE: '1', NODE_OPTIONS: '' },
    encoding: 'utf8',
  });
  t.equal(build.status, 0, build.stderr);
  const script = fileURLToPath(new URL('./sanitizer-run.js', import.meta.url));
  const run = spawnSync(process.execPath, [script], {
    env: {
      PATH: process.env['PATH'],
      LD_PRELOAD: library,
      ASAN_OPTIONS: 'detect_leaks=0',
      UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
      PODWIRE_ADDON: join(root, 'native/build/sanitize/podwire.node'),
    },
    encoding: 'utf8',
  });
  t.equal(run.status, 0, run.stderr.slice(0, 4000));
  t.notMatch(run.stderr, /Sanitizer|runtime error/);
  t.match(run.stdout, /checked/);
  t.end();
});
