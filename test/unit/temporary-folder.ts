/** A folder with a short name, as paths of Unix sockets must be; tap's own are too long. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** Makes it, and removes it with the test. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'pw-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
