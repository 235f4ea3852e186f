/** What the plugin says before it has an agent to ask: compiled, and its twin. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const COMPILED = fileURLToPath(new URL('../../../../native/build/podwire-cni', import.meta.url));
const TWIN = fileURLToPath(new URL('../../../src/api/cni-plugin.js', import.meta.url));

const PLUGINS: readonly [string, readonly string[], boolean][] = [
  ['compiled', [COMPILED], existsSync(COMPILED)],
  ['the twin', [process.execPath, TWIN], true],
];

for (const [name, [program, ...args], there] of PLUGINS) {
  t.test(name, { skip: there ? false : 'needs a C compiler' }, async (t) => {
    const ask = (config: string, command = 'ADD') => {
      const env = { ...process.env, CNI_COMMAND: command, CNI_CONTAINERID: 'c', CNI_NETNS: '/n', CNI_IFNAME: 'eth0' };
      const { status, stdout } = spawnSync(program, args, { input: config, env, encoding: 'utf8' });
      const { code, msg } = JSON.parse(stdout) as { code?: number; msg?: string };
      return { status, code, msg };
    };
    const nowhere = `${t.testdir()}/none.sock`;
    t.match(ask(JSON.stringify({ cniVersion: '1.0.0', socket: nowhere })), { status: 1, code: 11, msg: nowhere });
    t.match(ask(JSON.stringify({ cniVersion: '1.0.0', socket: nowhere }), 'STATUS'), { code: 50 });
    t.match(ask('nonsense'), { status: 1, code: 6, msg: /not a JSON object/ });
    t.match(ask('{}', 'VERSION'), { status: 0 });

    // The default would be another agent's.
    for (const socket of ['5', '{"a":"b"}', `"/${'x'.repeat(107)}"`]) {
      t.match(ask(`{"cniVersion":"1.0.0","socket":${socket}}`), { status: 1, code: 6, msg: /^socket: a path/ }, socket);
    }
    t.match(ask(`{"socket":"${nowhere.replaceAll('/', '\\/')}"}`).msg, /^socket: a path|none\.sock/, 'escapes');
  });
}
