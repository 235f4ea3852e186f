#!/usr/bin/env node
/**
 * `npm run proto`: writes src/wire/gossip/descriptor.ts from proto/gossip.proto. The wire reads no files, so it carries
 * its schema as data. With --print the text goes to standard output, and nothing is written.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = 'src/wire/gossip/descriptor.ts';

const schema = new protobuf.Root();
await schema.load(join(root, 'proto/gossip.proto'));
const text =
  format(`/** The schema of gossip. Generated from proto/gossip.proto by \`npm run proto\`: change it there. */
import type { INamespace } from 'protobufjs/light.js';

export const DESCRIPTOR: INamespace = ${JSON.stringify(schema.toJSON(), withoutProtoNames)};
`);
if (process.argv.includes('--print')) process.stdout.write(text);
else writeFileSync(join(root, target), text);

/** Fields' names in the schema's spelling, which only text formats need. */
function withoutProtoNames(key, value) {
  return key === 'protoName' ? undefined : value;
}

/** As `npm run format` leaves it, so that the two do not undo each other. */
function format(source) {
  const biome = join(root, 'node_modules/.bin/biome');
  const { status, stdout, stderr } = spawnSync(biome, ['format', `--stdin-file-path=${target}`], {
    cwd: root,
    input: source,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`biome format failed: ${stderr}`);
  return stdout;
}
