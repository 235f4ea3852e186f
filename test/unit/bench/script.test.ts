import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const main = fileURLToPath(new URL('../../../bench/main.js', import.meta.url));

function bench(...args: string[]) {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
}

t.test('a program behind npm run says how it is used', async (t) => {
  const { status, stdout } = bench('--help');
  t.equal(status, 0);
  t.match(stdout, /^Usage: npm run bench -- \[options\]\n/);
  t.match(stdout, '--filter <WORD>');
});

t.test('what it does not know is one line', async (t) => {
  for (const argument of ['--fliter', 'more']) {
    const { status, stdout, stderr } = bench(argument);
    t.equal(status, 2);
    t.equal(stdout, '');
    t.match(stderr, /^bench: [^\n]*npm run bench -- --help[^\n]*\n$/);
  }
});
