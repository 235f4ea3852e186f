/** The file that remembers pods, on a disk that fails and after a power cut. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { PodJournalFile } from '../../../src/os/pod-journal-file.js';
import type { Entry } from '../../../src/pods/journal.js';

const RESTS = (address: string): Entry => ({ do: 'rest', address, at: 0 });

/** Its addresses that rest, as the next life reads them. */
async function remembered(directory: string): Promise<string[]> {
  const { reading } = await PodJournalFile.open(directory);
  if (reading.damaged.length > 0) throw new Error(`lines ${reading.damaged.join(', ')} are damaged`);
  return reading.entries.flatMap((entry) => (entry.do === 'rest' ? entry.address : []));
}

async function madeBefore(t: Test): Promise<string> {
  const directory = t.testdir();
  const { file } = await PodJournalFile.open(directory);
  file.replace([{ do: 'begin', version: 1, boot: file.boot }, RESTS('10.0.0.2')]);
  await file.append([RESTS('10.0.0.3')]).durable;
  file.close();
  return directory;
}

/** While it works, functions of `fs` are others. */
function withFs(functions: Partial<typeof fs>, work: () => void): void {
  const before = Object.fromEntries(Object.keys(functions).map((name) => [name, Reflect.get(fs, name)]));
  Object.assign(fs, functions);
  syncBuiltinESMExports();
  try {
    work();
  } finally {
    Object.assign(fs, before);
    syncBuiltinESMExports();
  }
}

function enospc(): never {
  throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
}

/** A disk that is full after half a line. */
function halfWritten(fd: number, text: Uint8Array): number {
  return write(fd, text.subarray(0, text.length / 2));
}
const write = fs.writeSync as (fd: number, text: Uint8Array) => number;

t.test('a full disk costs the line that was to be added, and none of those before', async (t) => {
  const directory = await madeBefore(t);
  const { file } = await PodJournalFile.open(directory);
  withFs({ writeFileSync: enospc }, () => t.throws(() => file.replace([]), { message: /ENOSPC/ }));
  withFs({ writeSync: halfWritten as typeof fs.writeSync }, () => {
    t.throws(() => file.append([RESTS('10.0.0.9')]), { code: 'MACHINE', message: /^cannot write \S+ \(ENOSPC\): / });
  });
  t.same(await remembered(directory), ['10.0.0.2', '10.0.0.3']);
  await file.append([RESTS('10.0.0.4')]).durable;
  t.same(await remembered(directory), ['10.0.0.2', '10.0.0.3', '10.0.0.4'], 'there is room again');
});

t.test('where half a line cannot be cut off nothing is added behind it', async (t) => {
  const directory = await madeBefore(t);
  const { file } = await PodJournalFile.open(directory);
  withFs({ writeSync: halfWritten as typeof fs.writeSync, ftruncateSync: enospc }, () => {
    t.throws(() => file.append([RESTS('10.0.0.9')]));
  });
  withFs({ ftruncateSync: enospc }, () => t.throws(() => file.append([RESTS('10.0.0.9')])));
  await file.append([RESTS('10.0.0.4')]).durable;
  t.same(await remembered(directory), ['10.0.0.2', '10.0.0.3', '10.0.0.4']);
});

t.test('what a power cut tore off is cut away before a line is added', async (t) => {
  const directory = await madeBefore(t);
  fs.appendFileSync(join(directory, 'pods'), Buffer.from([0x35, 0xff, 0xfe, 0x20]));
  const { file, reading } = await PodJournalFile.open(directory);
  t.ok(reading.torn);
  await file.append([RESTS('10.0.0.4')]).durable;
  t.same(await remembered(directory), ['10.0.0.2', '10.0.0.3', '10.0.0.4']);
});

t.test('lines go into the file that has the name, also where its directory could not be synced', async (t) => {
  const directory = await madeBefore(t);
  const { file } = await PodJournalFile.open(directory);
  await file.append([RESTS('10.0.0.4')]).durable;
  const begin: Entry = { do: 'begin', version: 1, boot: file.boot };
  const refuse = (fd: number) => (fs.fstatSync(fd).isDirectory() ? enospc() : undefined);
  withFs({ fsyncSync: refuse }, () => t.throws(() => file.replace([begin]), { message: /ENOSPC/ }));
  await file.append([RESTS('10.0.0.5')]).durable;
  t.same(await remembered(directory), ['10.0.0.5']);
});
