/** Reads golden bytes from proto/vectors. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Vector<Fields> {
  readonly name: string;
  readonly source: string;
  readonly bytes: Buffer;
  /** What was sent in answer; empty if the vector has none. */
  readonly answer: Buffer;
  readonly fields: Fields;
}

interface Stored<Fields> {
  readonly name: string;
  readonly source: string;
  readonly hex: string;
  readonly answer?: string;
  readonly fields: Fields;
}

export function vectors<Fields>(name: string): Vector<Fields>[] {
  const file = join(packageRoot(), 'proto', 'vectors', `${name}.json`);
  const stored = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Stored<Fields>[] };
  return stored.vectors.map(({ name, source, hex, answer, fields }) => {
    return { name, source, bytes: Buffer.from(hex, 'hex'), answer: Buffer.from(answer ?? '', 'hex'), fields };
  });
}

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
