/**
 * `npm run matrix`: tries podwire against every kind of peer, over every kind of network, under every load, and writes the
 * table into docs/interoperability.md. Some minutes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { machine } from '../src/bench/statistics.js';
import { type Cell, trySetting } from '../src/lab/interop.js';
import { interopTable, settings } from '../src/lab/interop-table.js';
import { ensurePrivileges } from '../src/lab/privileges.js';

const FILE = 'docs/interoperability.md';
const [BEGIN, END] = ['<!-- matrix -->', '<!-- end of the matrix -->'];

await ensurePrivileges();
const cells: Cell[] = [];
for (const [i, setting] of settings().entries()) {
  const { outer, laboratory, native } = setting;
  console.error(`${i + 1} of ${settings().length}: IPv${outer} outside, ${laboratory}, native ${native}`);
  cells.push(...(await trySetting(setting)));
}
const table = interopTable(cells);
console.log(table);

const text = readFileSync(FILE, 'utf8');
const [before, after] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
const day = new Date().toISOString().slice(0, 10);
writeFileSync(FILE, `${before}\n\n${table}\n\nTried on ${day}: ${machine()}.\n\n${after}`);
