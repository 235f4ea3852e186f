/** Every kind of peer over every kind of network under every load, with each way to move the bytes: docs/interoperability.md. */
import t, { type Test } from 'tap';
import { LOADS, type Setting, trySetting } from '../../src/lab/interop.js';
import { settings } from '../../src/lab/interop-table.js';
import { laboratoryOf } from '../../src/lab/plan.js';
import { labSkip, needs } from './lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping') || needs('ethtool');

// The whole suite runs in both laboratories; each time its part of the matrix is tried.
const laboratory = laboratoryOf(process.env['PODWIRE_LABORATORY']);

for (const setting of settings().filter((setting) => setting.laboratory === laboratory)) {
  t.test(`IPv${setting.outer} outside, ${setting.laboratory}, native ${setting.native}`, { skip }, (t) =>
    hold(t, setting),
  );
}

async function hold(t: Test, setting: Setting): Promise<void> {
  for (const { peer, inner, load, trouble } of await trySetting(setting)) {
    t.equal(trouble, '', `${peer}, IPv${inner} inside: ${LOADS[load]}`);
  }
}
