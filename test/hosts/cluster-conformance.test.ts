/** podwire conformance on a cluster that runs: three nodes that share an L2, macvlan pods among the throw-away ones. */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { rangeOf } from '../../src/lab/conformance.js';
import { Lab } from '../../src/lab/lab.js';
import { RULES, type Trial } from '../../src/lab/model.js';
import { listNamespaces, removeNamespaces } from '../../src/lab/namespaces.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import { hasProgram } from '../../src/lab/tools.js';
import { ask, podwire } from './cli.js';
import { labSkip } from './lab.js';

const skip = labSkip() || (hasProgram('nft') ? false : 'needs nft (nftables)');
const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

interface Found {
  readonly ok: boolean;
  readonly trials: Trial[];
  readonly silent: { node: string; why: string }[];
}

t.test('every node tries, one puts it together', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'clusterconf', hosts: 3, pods: 0, underlay: 46, sharedL2: true });
  t.teardown(async () => {
    await lab.destroy();
    removeNamespaces(
      listNamespaces().filter((name) => /^podwire-probe-/.test(name) && name.includes(`-${process.pid}-`)),
    );
  });
  // Throw-away pods bear their node's name: no other machine's may be the same.
  const names = lab.hosts.map(({ name }) => `${name}-${process.pid}`);
  const facts = lab.hosts.map(({ uplinks, podCidr }, i) => ({
    node: names[i],
    underlay: uplinks.map(({ underlay }) => underlay),
    podCidr,
  }));
  const nodes: RunningPodwire[] = [];
  for (const [i, host] of lab.hosts.entries()) {
    const config = { node: names[i], peers: facts.filter((_, other) => other !== i) };
    nodes.push(await lab.startPodwire(host, { config }));
  }
  const serving: ChildProcess[] = [];
  const serve = async (i: number) => {
    const conf = join(lab.directory, `${i}.conflist`);
    const plugins = ['bridge', 'macvlan'].map((attach) => ({
      type: 'podwire-cni',
      attach,
      ...(attach === 'macvlan' && { range: rangeOf(i + 1) }),
    }));
    writeFileSync(conf, JSON.stringify({ cniVersion: '1.0.0', name: 'lan', plugins }));
    const argv = [process.execPath, CLI, 'conformance', 'serve', '--conf', conf, '--socket', nodes[i].socket];
    const child = lab.spawn(lab.hosts[i], argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    serving.push(child);
    if (!child.stdout) throw new Error('no output');
    const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    t.match(value, /^serving 4 throw-away pods on /);
    return child;
  };
  const end = async (child: ChildProcess, signal: NodeJS.Signals) => {
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.kill(signal);
    return ended;
  };
  const collect = async (i: number): Promise<{ code: number | null; found: Found; text: string }> => {
    const run = (...more: string[]) =>
      lab.exec(lab.hosts[i], [process.execPath, CLI, 'conformance', 'cluster', '--socket', nodes[i].socket, ...more], {
        timeoutMs: 60_000,
      });
    const { code, stdout, stderr } = await run('--json');
    if (stdout === '') throw new Error(stderr);
    return { code, found: JSON.parse(stdout) as Found, text: stdout };
  };
  const words = ({ rule, from, to, address, seen }: Trial) => `${rule}: ${from} to ${to} at ${address} seen as ${seen}`;

  await serve(0);
  await serve(1);
  const partial = await collect(0);
  t.equal(partial.code, 1);
  t.match(partial.found.silent, [{ node: names[2], why: /asked by/ }, { node: names[2] }, { node: names[2] }]);

  await serve(2);
  const { code, found } = await collect(0);
  t.same(found.trials.filter(({ ok }) => !ok).map(words), []);
  t.same(found.silent, []);
  t.equal(code, 0);
  for (const rule of RULES) t.ok(found.trials.filter((trial) => trial.rule === rule).length >= 24, rule);
  const kinds = ['', '/bridge', '/macvlan'];
  const missing = names.flatMap((from) =>
    names.flatMap((to) =>
      kinds.flatMap((kind) =>
        kinds.flatMap((other) => {
          if (kind === '' && other === '') return [];
          const tried = found.trials.filter((trial) => trial.from === from + kind && trial.to === to + other);
          return [4, 6].filter((family) => !tried.some(({ address }) => address.includes(':') === (family === 6)));
        }),
      ),
    ),
  );
  t.same(missing, [], 'every pair of nodes and attachments, in both families');

  // Somebody hides pods: the one who is wrong is named, by every node that is asked.
  const hide = 'add table ip hide; add chain ip hide out { type nat hook postrouting priority 100; }';
  const rule = `add rule ip hide out oifname podwire0 ip saddr ${lab.hosts[1].podCidr[0]} masquerade`;
  await lab.exec(lab.hosts[1], ['nft', `${hide}; ${rule}`]);
  const shown = await lab.exec(
    lab.hosts[2],
    [process.execPath, CLI, 'conformance', 'cluster', '--pairs', '--socket', nodes[2].socket],
    { timeoutMs: 60_000 },
  );
  t.equal(shown.code, 1);
  const wrong = shown.stdout.match(/^pod.* NOT$/gm) ?? [];
  const named = wrong.filter((line) => /^pod to (pod|node) +bravo-\d+\//.test(line));
  t.ok(wrong.length > 0 && named.length === wrong.length, 'who hides is named, and nobody else');
  t.match(shown.stdout, /pod to pod +bravo-\d+\/bridge +alpha-\d+\/bridge +10\.244\.1\.2 +10\.244\.2\.0 +NOT/);
  t.match(shown.stdout, /pod to pod +bravo-\d+\/bridge +alpha-\d+\/bridge +4 of 8 +NOT/, 'of each pair');
  t.match(shown.stdout, /pod to pod +alpha-\d+\/bridge +bravo-\d+\/bridge +8 of 8 +as it must be/);
  await lab.exec(lab.hosts[1], ['nft', 'delete', 'table', 'ip', 'hide']);

  t.equal(await end(serving[0], 'SIGTERM'), 0);
  t.same(await ask(lab, nodes[0], 'pods'), [], 'throw-away pods are taken off');
  await end(serving[1], 'SIGKILL');
  t.equal((await ask<unknown[]>(lab, nodes[1], 'pods')).length, 4);
  const again = await serve(1);
  t.equal(await end(again, 'SIGINT'), 0, 'also those of a run that was killed');
  t.same(await ask(lab, nodes[1], 'pods'), []);
  t.equal(await end(serving[2], 'SIGTERM'), 0);
  const usage = await podwire(lab, lab.hosts[0], 'conformance', 'serve', '--port', '0', '--socket', nodes[0].socket);
  t.equal(usage.code, 2);
});
