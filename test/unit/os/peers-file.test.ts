import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { formatEndpoint } from '../../../src/control/config/endpoint.js';
import { PeersFile } from '../../../src/os/peers-file.js';
import { address } from '../control/sample-config.js';
import { temporaryFolder } from '../temporary-folder.js';

const endpoint = (text: string, port = 7946) => ({ address: address(text), port });

t.test('what is written is read in another life', async (t) => {
  const folder = temporaryFolder(t);
  const file = new PeersFile(folder);
  t.same(await file.read(), [], 'none at first');
  await file.write([endpoint('192.0.2.2'), endpoint('2001:db8::1', 7000)]);
  t.strictSame((await new PeersFile(folder).read()).map(formatEndpoint), ['192.0.2.2:7946', '[2001:db8::1]:7000']);
});

t.test('it is written only when it changes, and never emptied', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'peers');
  const file = new PeersFile(folder);
  await file.write([endpoint('192.0.2.2'), endpoint('192.0.2.3')]);
  const written = statSync(path).ino;
  await file.write([endpoint('192.0.2.3'), endpoint('192.0.2.2')]);
  t.equal(statSync(path).ino, written, 'the same in another order');
  await file.write([]);
  t.equal(readFileSync(path, 'utf8'), '192.0.2.2:7946\n192.0.2.3:7946\n', 'who is alone keeps what it knew');
  await file.write([endpoint('192.0.2.4')]);
  t.equal(readFileSync(path, 'utf8'), '192.0.2.4:7946\n');
});

t.test('the first few of many are kept', async (t) => {
  const folder = temporaryFolder(t);
  const many = Array.from({ length: 1000 }, (_, i) => endpoint('192.0.2.2', 1000 + i));
  await new PeersFile(folder).write(many);
  const kept = await new PeersFile(folder).read();
  t.equal(kept.length, 256);
  t.ok(kept.every(({ port }) => port < 1256));
});

t.test('lines that are none are passed over', async (t) => {
  const folder = temporaryFolder(t);
  const lines = ['192.0.2.2:7946', 'nonsense', '192.0.2.3', '192.0.2.4:99999', '', '\0\xff', '[2001:db8::1]:1'];
  writeFileSync(join(folder, 'peers'), lines.join('\n'));
  t.strictSame((await new PeersFile(folder).read()).map(formatEndpoint), ['192.0.2.2:7946', '[2001:db8::1]:1']);
});

t.test('where it cannot be written, that is said', async (t) => {
  const file = new PeersFile(join(temporaryFolder(t), 'missing'));
  await t.rejects(file.write([endpoint('192.0.2.2')]), { code: 'MACHINE', message: /peers/ });
});
