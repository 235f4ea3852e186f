/** What npm would publish. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import t from 'tap';
import { packageRoot } from './package-root.js';

t.test('the package: no maps of sources that are not in it, and no link of its documents is dead', async (t) => {
  const argv = ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline'];
  const { stdout, stderr, status } = spawnSync('npm', argv, { cwd: packageRoot(), encoding: 'utf8' });
  t.equal(status, 0, stderr);
  const [{ files }] = JSON.parse(stdout) as { files: { path: string }[] }[];
  const paths = files.map(({ path }) => path);
  t.ok(paths.includes('dist/src/index.d.ts') && paths.includes('examples/embedded/main.ts'));
  t.strictSame(
    paths.filter((path) => path.endsWith('.map')),
    [],
  );
  // What the figures were made of is large, and stays in the repository.
  const left = (target: string) => target.startsWith('bench/results/');
  const dead = paths
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) =>
      [...readFileSync(join(packageRoot(), path), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map(([, link]) => normalize(join(dirname(path), link)))
        .filter(
          (target) => !left(target) && !paths.some((shipped) => shipped === target || shipped.startsWith(`${target}/`)),
        )
        .map((target) => `${path}: ${target}${existsSync(join(packageRoot(), target)) ? '' : ' (nowhere)'}`),
    );
  t.strictSame(dead, []);
});
