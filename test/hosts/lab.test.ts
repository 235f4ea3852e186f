import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Lab } from '../../src/lab/lab.js';
import { labDirectory, removeLab } from '../../src/lab/leftovers.js';
import { listNamespaces } from '../../src/lab/namespaces.js';
import type { LabOptions } from '../../src/lab/plan.js';
import { ask, startEcho, transfer } from '../../src/lab/tools.js';
import { namespaceSkip, needs } from './lab.js';

const skip = namespaceSkip();

/** A lab that goes with its test. */
async function make(t: Test, options: LabOptions): Promise<Lab> {
  const lab = await Lab.create(options);
  t.teardown(() => lab.destroy());
  return lab;
}

for (const underlay of [4, 6] as const) {
  t.test(`what crosses a lab and what does not, underlay IPv${underlay}`, { skip }, async (t) => {
    const lab = await make(t, { name: `cross${underlay}`, hosts: 2, pods: 2, underlay });
    const [alpha, bravo] = lab.hosts;
    const [pod, neighbour] = alpha.pods;
    await Promise.all([alpha, bravo, neighbour].map((place) => startEcho(lab, place)));

    const [there] = await ask(lab, alpha, [bravo.underlay]);
    t.equal(there.seen, alpha.underlay, 'hosts reach each other');

    const near = [...alpha.gateways, alpha.underlay, ...neighbour.addresses];
    const seen = (await ask(lab, pod, near)).map((answer) => answer.seen);
    const [v4, v6] = pod.addresses;
    t.strictSame(seen, [v4, v6, underlay === 4 ? v4 : v6, v4, v6], 'pods reach their host and its other pods');

    const before = await lab.routerCounters();
    const [far] = await ask(lab, pod, [bravo.underlay]);
    const after = await lab.routerCounters();
    t.equal(far.seen, '', 'a foreign source gets no answer');
    t.ok(after.refused > before.refused, 'the router counted it as refused');
    t.equal(after.forwarded, before.forwarded, 'the router let nothing through');

    await ask(lab, alpha, [bravo.pods[0].addresses[underlay === 4 ? 0 : 1]]);
    t.ok(
      (await lab.routerCounters()).refused > after.refused,
      "the router knows no way to a pod, even from a host's address",
    );

    const moved = await transfer(lab, pod, neighbour, underlay, 50);
    t.match(moved, { intact: true }, 'a transfer arrives as it was sent');
    t.ok(moved && moved.sent.bytes > 0);
  });
}

t.test('without the filter the router passes any source', { skip }, async (t) => {
  const lab = await make(t, { name: 'open', hosts: 2, filter: false });
  const [alpha, bravo] = lab.hosts;
  const before = await lab.routerCounters();
  await ask(lab, alpha.pods[0], [bravo.underlay]);
  t.ok((await lab.routerCounters()).forwarded > before.forwarded);
});

t.test('MTU, and cables that leave nothing to the other end', { skip: skip || needs('ethtool') }, async (t) => {
  const lab = await make(t, { name: 'cable', hosts: 1, mtu: 9000, laboratory: 'cable' });
  const [alpha] = lab.hosts;
  for (const [place, device] of [
    [alpha, 'eth0'],
    [lab.router, alpha.name],
  ] as const) {
    const { stdout } = await lab.exec(place, ['ethtool', '-k', device]);
    t.match(stdout, /^tx-checksumming: off/m);
    t.match(stdout, /^tcp-segmentation-offload: off/m);
    t.match(stdout, /^generic-receive-offload: on/m);
    t.match((await lab.exec(place, ['ip', 'link', 'show', device])).stdout, / mtu 9000 /);
  }
  t.match((await lab.exec(alpha.pods[0], ['ip', 'link', 'show', 'eth0'])).stdout, / mtu 8950 /);
});

t.test('exec gives output and exit code, and ends what does not end', { skip }, async (t) => {
  const lab = await make(t, { name: 'exec', hosts: 1, pods: 0 });
  const [alpha] = lab.hosts;
  const script = 'echo "$WORD"; cat; echo oh >&2; exit 3';
  t.strictSame(await lab.exec(alpha, ['sh', '-c', script], { input: 'in', env: { WORD: 'hello' } }), {
    code: 3,
    stdout: 'hello\nin',
    stderr: 'oh\n',
    timedOut: false,
  });
  // The shell's child holds the output open: both must go.
  t.match(await lab.exec(alpha, ['sh', '-c', 'cat /dev/zero >/dev/null & wait'], { timeoutMs: 50 }), {
    code: null,
    timedOut: true,
  });
});

t.test('podwire is ready by its line, stops by SIGTERM, and tells why it did not start', { skip }, async (t) => {
  const lab = await make(t, { name: 'agent', hosts: 2 });
  const [alpha, bravo] = lab.hosts;
  const standIn = (script: string) => ({ command: [process.execPath, '-e', script] });

  const good = `
    process.on('SIGTERM', () => process.exit(0));
    setInterval(() => {}, 1e6);
    console.error('starting\\nready', ...process.argv.slice(1), process.env.WORD)`;
  const running = await lab.startPodwire(alpha, { ...standIn(good), env: { WORD: 'word' } });
  t.equal(running.ready, `ready up --config ${running.configFile} word`);
  t.ok(running.readyMs > 0);
  t.match(await running.stop(), { code: 0 });

  const bad = standIn('console.error("no way"); process.exit(7)');
  await t.rejects(lab.startPodwire(bravo, bad), { code: 'MACHINE', message: /bravo: ended with code 7.*\nno way$/ });
  const slow = { ...standIn('console.error("not ready"); setInterval(() => {}, 1e6)'), timeoutMs: 300 };
  await t.rejects(lab.startPodwire(bravo, slow), { code: 'MACHINE', message: /not ready after 300 ms/ });
});

t.test('destroy leaves nothing', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'gone', hosts: 2 });
  t.teardown(() => lab.destroy());
  const shell = lab.spawn(lab.hosts[0], ['sh', '-c', 'tail -f /dev/null & echo $!; wait']);
  if (!shell.stdout || shell.pid === undefined) throw new Error('no shell');
  const [line] = await once(createInterface({ input: shell.stdout }), 'line');
  t.equal(parts(lab.plan.prefix).length, 6, 'two hosts, two pods, the router and the directory');

  await lab.destroy();
  t.strictSame(parts(lab.plan.prefix), []);
  await gone(shell.pid);
  await gone(Number(line));
  await lab.destroy();
});

t.test('a lab goes with its process, whatever ends it', { skip }, async (t) => {
  const library = new URL('../../src/lab/lab.js', import.meta.url).href;
  const script = (end: string) => `
    import { Lab } from ${JSON.stringify(library)};
    const lab = await Lab.create({ name: 'owner', hosts: 1 });
    lab.spawn(lab.hosts[0], ['tail', '-f', '/dev/null']);
    console.log(lab.plan.prefix);
    process.stdin.once('data', () => { ${end} });`;

  for (const end of ['SIGTERM', 'SIGINT', 'SIGKILL', 'exit', 'throw'] as const) {
    const code = end === 'exit' ? 'process.exit(0)' : end === 'throw' ? 'throw new Error("on purpose")' : '';
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script(code)], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const [prefix] = await once(createInterface({ input: owner.stdout }), 'line');
    t.teardown(() => {
      owner.kill('SIGKILL');
      removeLab(prefix);
    });
    t.equal(parts(prefix).length, 4, `${end}: the lab is there`);
    const ended = once(owner, 'close');
    if (end.startsWith('SIG')) owner.kill(end as NodeJS.Signals);
    else owner.stdin.write('now\n');
    await ended;
    if (end === 'SIGKILL') t.ok(Lab.sweep().includes(prefix), `${end}: the next one sweeps`);
    t.strictSame(parts(prefix), [], `${end}: nothing is left`);
  }
});

t.test('a kept lab survives its process, and its script takes it away', { skip }, async (t) => {
  const library = new URL('../../src/lab/lab.js', import.meta.url).href;
  const script = `
    import { Lab } from ${JSON.stringify(library)};
    const lab = await Lab.create({ name: 'kept', hosts: 1 });
    const child = lab.spawn(lab.hosts[0], ['tail', '-f', '/dev/null']);
    console.log([lab.plan.prefix, child.pid, lab.keep()].join(' '));`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: owner.stdout }), 'line');
  const [prefix, pid, remove] = String(line).split(' ');
  t.teardown(() => removeLab(prefix));
  await once(owner, 'exit');
  t.notOk(Lab.sweep().includes(prefix), 'nobody sweeps it');
  t.equal(parts(prefix).length, 4);
  t.ok(process.kill(Number(pid), 0), 'what ran runs on');

  await once(spawn('sh', [remove], { stdio: 'inherit' }), 'exit');
  t.strictSame(parts(prefix), []);
  await gone(Number(pid));
});

/** What exists of a lab: namespaces, and its directory. */
function parts(prefix: string): string[] {
  const names = listNamespaces().filter((name) => name.startsWith(`${prefix}-`));
  return existsSync(labDirectory(prefix)) ? [...names, labDirectory(prefix)] : names;
}

/** Waits until a process has ended; the test's timeout is the limit. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      // An orphan that has ended is a zombie until init has time for it.
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return;
    } catch {
      return;
    }
    await delay(5);
  }
}
