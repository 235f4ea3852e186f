/** The packet path allocates nothing per packet: a heap profiler looks on. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** Bytes: the smallest object, a heap number, has 12; what code allocates that is still being compiled is far below. */
const BOUND = 2;
const script = fileURLToPath(new URL('./allocation-run.js', import.meta.url));

t.test('packets of every kind leave nothing on the heap', (t) => {
  const run = spawnSync(process.execPath, [script], { encoding: 'utf8', env: { PATH: process.env['PATH'] } });
  t.equal(run.status, 0, run.stderr);
  const kinds = JSON.parse(run.stdout) as Record<string, { packets: number; bytes: number; by: string[] }>;
  for (const [kind, { packets, bytes, by }] of Object.entries(kinds)) {
    t.ok(bytes / packets < BOUND, `${kind}: ${bytes} bytes for ${packets} packets\n${by.join('\n')}`);
  }
  t.same(Object.keys(kinds), ['plain', 'superpackets', 'refused']);
  t.end();
});
