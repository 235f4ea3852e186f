/** The agent goes and comes while pods talk: what is established goes on, and what it costs is told. */
import t from 'tap';
import { Lab } from '../../src/lab/lab.js';
import type { LabPod } from '../../src/lab/plan.js';
import { ask, hasProgram, startEcho, transfer } from '../../src/lab/tools.js';
import { attach, containers, traces } from './cni.js';
import { labSkip, needs } from './lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping') || (hasProgram('nft') ? false : 'needs nft (nftables)');

const DURATION = 4000;

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  t.test(`pods outlive their agent: ${signal} and another`, { skip }, async (t) => {
    const lab = await Lab.create({ name: `restart${signal.slice(3).toLowerCase()}`, hosts: 2, pods: 0 });
    t.teardown(() => lab.destroy());
    const [first, other] = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
    const pods: LabPod[] = [];
    for (const [i, node] of [first, other].entries()) {
      const [container] = await containers(lab, node.host, 'pod');
      const { addresses } = await attach(lab, node, container, { config: { attach: i === 0 ? 'bridge' : 'ptp' } });
      pods.push({ ...container, name: container.id, port: '', addresses: [addresses[0], addresses[1]] });
    }
    const [from, to] = pods;
    await startEcho(lab, to);
    const interval = 10;
    const count = DURATION / interval;
    const argv = ['ping', '-n', '-q', '-i', String(interval / 1000), '-c', String(count), '-W', '1', to.addresses[0]];
    const flood = lab.exec(from, argv, { timeoutMs: 30_000 });
    const moved = transfer(lab, from, to, 6, DURATION);
    await new Promise((resolve) => setTimeout(resolve, DURATION / 4));
    const went = new Promise((resolve) => first.process.once('close', resolve));
    first.process.kill(signal);
    await went;
    const { stdout: without } = await lab.exec(first.host, ['ip', 'route', 'show', 'root', '10.244.0.0/16']);
    t.match(without, /^unreachable 10\.244\.0\.0\/16 /m, 'nothing for pods elsewhere leaves by the default route');
    const again = await lab.startPodwire(first.host);
    const received = Number(/(\d+) received/.exec((await flood).stdout)?.[1]);
    t.comment(
      `${count - received} of ${count} packets lost, one every ${interval} ms; ready in ${again.readyMs.toFixed(0)} ms`,
    );
    t.ok(received > count / 3, `${received} of ${count}`);
    t.match(await moved, { intact: true }, 'an established connection goes on, and every byte arrives once');
    t.same(
      (await ask(lab, from, to.addresses)).map(({ seen }) => seen),
      from.addresses,
      'and new ones are made',
    );
    t.match(await traces(lab, first.host), /podwire-br/);
    t.equal((await again.stop()).code, 0);
  });
}
