/**
 * The file `pods` of the state directory: lines are added and synced (fdatasync), and now and then the whole is written anew
 * (write, fsync, rename). Who waits for the disk while another sync runs shares the next.
 */
import {
  closeSync,
  copyFileSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Entry, type Reading, readLines, writeLine } from '../pods/journal.js';
import type { PodRecord } from '../pods/pod-record.js';
import type { PodStore } from '../pods/pod-store.js';
import { PodTable } from '../pods/pod-table.js';
import { messageOf, PodwireError } from '../wire/error.js';
import { makeStateDir, readIfThere } from './state-dir.js';

/** The pods that a state directory tells of, which is only read; none where it may not be. */
export async function rememberedPods(stateDir: string): Promise<PodRecord[]> {
  const text = await readFile(join(stateDir, 'pods'), 'utf8').catch(() => '');
  const table = new PodTable();
  if (table.replay(readLines(text).entries) !== thisBoot()) return [];
  return [...table.pods()].flatMap(({ record, whole }) => (whole ? record : []));
}

function thisBoot(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** A journal that was read, and what was wrong with it, in words. */
export interface OpenedJournal {
  readonly file: PodJournalFile;
  readonly reading: Reading;
  readonly warning?: string;
}

export class PodJournalFile implements PodStore {
  readonly boot: string;
  readonly #path: string;
  #fd: number | undefined;
  /** Bytes up to the end of the last whole line. */
  #length = 0;
  /** Nothing is known to stand behind that. */
  #endsWhole = false;
  #lines = 0;
  #syncing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(path: string, boot: string) {
    this.#path = path;
    this.boot = boot;
  }

  /** Reads it. What is damaged is kept beside it, never lost. */
  static async open(stateDir: string): Promise<OpenedJournal> {
    await makeStateDir(stateDir);
    const path = join(stateDir, 'pods');
    const file = new PodJournalFile(path, thisBoot());
    const text = await readIfThere(path);
    if (text === undefined) return { file, reading: { entries: [], damaged: [], torn: false } };
    const reading = readLines(text);
    // In bytes: what is torn or damaged need not be UTF-8.
    file.#length = readFileSync(path).lastIndexOf('\n') + 1;
    if (reading.damaged.length === 0) return { file, reading };
    copyFileSync(path, `${path}.damaged`);
    const lines =
      reading.damaged.length === 1 ? `line ${reading.damaged[0]} is` : `${reading.damaged.length} lines are`;
    const warning = `${path} is damaged: ${lines} not as they were written, the others are used, and pods that are missing are taken from their devices; the file is kept as ${path}.damaged`;
    return { file, reading, warning };
  }

  get lines(): number {
    return this.#lines;
  }

  append(entries: readonly Entry[]): { readonly durable: Promise<void> } {
    const text = Buffer.from(entries.map(writeLine).join(''));
    try {
      const fd = this.#atEnd();
      this.#endsWhole = false;
      const written = writeSync(fd, text);
      if (written < text.length) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
      this.#endsWhole = true;
    } catch (error) {
      this.#cutTail();
      throw this.#cannotWrite(error);
    }
    this.#length += text.length;
    this.#lines += entries.length;
    return { durable: this.#sync() };
  }

  /** A part of a line would make the next one unreadable: nothing is written before it is cut off. */
  #atEnd(): number {
    this.#fd ??= openSync(this.#path, 'a', 0o600);
    if (this.#endsWhole) return this.#fd;
    const { size } = fstatSync(this.#fd);
    if (size < this.#length) throw new Error('it is shorter than it was');
    if (size > this.#length) ftruncateSync(this.#fd, this.#length);
    this.#endsWhole = true;
    return this.#fd;
  }

  #cutTail(): void {
    try {
      this.#atEnd();
    } catch {
      // The next line, or the next life, does it before all else.
    }
  }

  replace(entries: readonly Entry[]): void {
    const text = entries.map(writeLine).join('');
    const draft = `${this.#path}.new`;
    try {
      writeFileSync(draft, text, { mode: 0o600, flush: true });
      renameSync(draft, this.#path);
    } catch (error) {
      rmSync(draft, { force: true });
      throw this.#cannotWrite(error);
    }
    // From here on the descriptor is of a file that has no name any more.
    this.close();
    this.#length = Buffer.byteLength(text);
    this.#endsWhole = true;
    this.#lines = entries.length;
    try {
      this.#syncDirectory();
    } catch (error) {
      throw this.#cannotWrite(error);
    }
  }

  #syncDirectory(): void {
    const fd = openSync(dirname(this.#path), 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  #cannotWrite(error: unknown): PodwireError {
    const reason = (error as NodeJS.ErrnoException).code ?? messageOf(error);
    return new PodwireError('MACHINE', `cannot write ${this.#path} (${reason}): make room, or choose another stateDir`);
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd === undefined) return;
    // Not under a sync that runs: the number could be another file's by then.
    if (this.#syncing)
      this.#syncing.then(
        () => closeSync(fd),
        () => closeSync(fd),
      );
    else closeSync(fd);
  }

  /** A sync that runs may have begun before these lines: the next one is theirs. */
  #sync(): Promise<void> {
    if (!this.#syncing) {
      this.#syncing = this.#fdatasync().finally(() => {
        this.#syncing = undefined;
      });
      return this.#syncing;
    }
    this.#next ??= this.#syncing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#sync();
      });
    return this.#next;
  }

  #fdatasync(): Promise<void> {
    const fd = this.#fd;
    if (fd === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      fdatasync(fd, (error) => {
        if (error) reject(new PodwireError('MACHINE', `cannot sync ${this.#path} (${error.code})`));
        else resolve();
      });
    });
  }
}
