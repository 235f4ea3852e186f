import t from 'tap';
import { heapKiB, rssKiB } from '../../../bench/process-memory.js';

t.test("a process's resident memory; one that is gone has none", async (t) => {
  const own = process.memoryUsage.rss() / 1024;
  const read = rssKiB(process.pid);
  t.ok(read > own / 2 && read < own * 2, `${read} KiB, of ${own}`);
  t.throws(() => rssKiB(undefined), { code: 'ENOENT' });
});

t.test('the heap in use, out of a scrape', async (t) => {
  const help = '# HELP nodejs_heap_size_used_bytes Process heap size used from Node.js in bytes.\n';
  t.equal(heapKiB(`${help}nodejs_heap_size_used_bytes 15728896\nnodejs_heap_size_total_bytes 1\n`), 15_360);
  t.ok(Number.isNaN(heapKiB('')), 'not told');
});
