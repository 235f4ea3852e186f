import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { isAlarming } from '../../../src/control/node-api.js';
import { packageRoot } from '../package-root.js';

/** Every kind of event that a node tells; whoever adds one says here whether people should look. */
const KINDS: Readonly<Record<string, boolean>> = {
  // src/control/membership, src/core/swim/members.ts
  conflict: true,
  failed: true,
  forgotten: false,
  'incarnations-spent': true,
  joined: false,
  'joined-cluster': false,
  'join-retry': true,
  left: false,
  recovered: false,
  refused: true,
  refuted: false,
  remembered: false,
  'subnet-held': false,
  'subnet-lost': true,
  'subnets-exhausted': true,
  // `failed` follows if nobody reaches it, `recovered` if somebody does.
  suspected: false,
  updated: false,
  // src/agent.ts, src/cluster.ts, src/underlay-watch.ts
  'address-changed': false,
  'claim-file': true,
  'join-name-failed': true,
  keyring: false,
  'no-address': true,
  'no-route': true,
  'no-traffic': true,
  'path-down': true,
  'path-up': false,
  // src/os
  'forward-open': false,
  'forward-refused': true,
  'forward-unread': true,
  'pod-store-damaged': true,
  // src/pods
  'macvlan-unproven': true,
  'pod-attached': false,
  'pod-audit': true,
  'pod-gone': false,
  'pod-store-failed': true,
  'pods-failed': true,
  'pods-recovered': false,
};

t.test('which events people should look at', async (t) => {
  for (const [kind, alarming] of Object.entries(KINDS)) t.equal(isAlarming(kind), alarming, kind);
  t.notOk(isAlarming('podium'), 'a kind that another version tells');
});

t.test('no kind that is told by its name is missing here', async (t) => {
  const src = join(packageRoot(), 'src');
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const texts = files.map((file) => readFileSync(join(src, file), 'utf8'));
  const told = texts.flatMap((text) => [...text.matchAll(/tell\(\s*'([a-z-]+)'/g)].map(([, kind]) => kind));
  t.ok(told.length > 20, `${told.length} places`);
  t.strictSame(
    told.filter((kind) => !(kind in KINDS)),
    [],
  );
});
