import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import t from 'tap';
import { packageRoot } from '../../package-root.js';

const root = packageRoot();

t.test('the descriptor is what the schema gives', async (t) => {
  const fresh = execFileSync(process.execPath, [join(root, 'proto/generate.mjs'), '--print'], { encoding: 'utf8' });
  t.equal(readFileSync(join(root, 'src/wire/gossip/descriptor.ts'), 'utf8'), fresh, 'run `npm run proto`');
});

t.test('every field says what it means and since when, and fits a number', async (t) => {
  const schema = protobuf.loadSync(join(root, 'proto/gossip.proto'));
  let fields = 0;
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const nested of namespace.nestedArray) {
      if (!(nested instanceof protobuf.Type)) {
        if (nested instanceof protobuf.Namespace) visit(nested);
        continue;
      }
      for (const field of nested.fieldsArray) {
        fields++;
        t.notMatch(field.type, /64/, field.fullName);
      }
    }
  };
  visit(schema);
  t.ok(fields > 40, `${fields} fields`);

  let comment = '';
  for (const line of readFileSync(join(root, 'proto/gossip.proto'), 'utf8').split('\n')) {
    if (line.trim().startsWith('//')) {
      comment += line;
      continue;
    }
    if (/^(message|enum|\s*oneof)|=/.test(line) && !line.startsWith('syntax')) {
      t.match(comment, /Since \d+\.\d+\.\d+\.$/, line.trim());
    }
    comment = '';
  }
});
