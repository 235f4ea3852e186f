/** `podwire bench` between two real nodes: what it measures, whom it serves, and what is left when somebody goes. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { BenchResult } from '../../src/bench/results.js';
import { overlayAddressTexts } from '../../src/core/overlay-address.js';
import { Lab } from '../../src/lab/lab.js';
import { processesIn } from '../../src/lab/namespaces.js';
import type { Place } from '../../src/lab/plan.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import { labSkip } from './lab.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const PORT = 7950;
const QUICK = '--seconds 0.3 --streams 2 --sizes 200 --pings 40 --trial-seconds 0.1 --tolerance 40'.split(' ');

interface Report {
  readonly to: string;
  readonly address: string;
  readonly results: readonly BenchResult[];
  readonly loopback?: readonly BenchResult[];
  readonly carried: { readonly txBytes: number };
  readonly words: readonly string[];
}

t.test('two nodes', { skip: labSkip() }, async (t) => {
  const lab = await Lab.create({ name: 'benchcmd', hosts: 2 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  const overlay = overlayAddressTexts(bravo.host.podCidr);

  const command = (node: RunningPodwire, ...words: string[]) => {
    return [process.execPath, CLI, 'bench', ...words, '--socket', node.socket];
  };
  const measure = (...words: string[]) => lab.exec(alpha.host, command(alpha, ...words), { timeoutMs: 60_000 });
  const serve = async () => {
    const child = lab.spawn(bravo.host, command(bravo, 'serve'), { stdio: ['ignore', 'pipe', 'pipe'] });
    const said: string[] = [];
    child.stdout?.on('data', (words) => said.push(String(words)));
    await until(() => said.join('').includes('serves its peers'));
    return { child, said: () => said.join('') };
  };
  /** What lives on the hosts: the agents, and what they have started. */
  const living = () => processesIn(lab.hosts.map(({ namespace }) => namespace)).join();
  const before = living();
  const alone = () => living() === before;

  await t.test('nobody consents: refused in a line', async (t) => {
    const { code, stdout, stderr } = await measure('bravo', '--json');
    t.same([code, stdout], [1, '']);
    t.match(stderr, /^podwire: nobody serves on bravo: run podwire bench serve there[^\n]*\n$/);
  });

  await t.test('a name that no peer has, and its own', async (t) => {
    const wrong = [['charlie'], ['alpha'], ['bravo', '--streams', '1,x']];
    const [unknown, itself, noNumber] = await Promise.all(wrong.map((words) => measure(...words)));
    t.equal(unknown.code, 2);
    t.match(unknown.stderr, /^podwire: alpha has no peer 'charlie': it has bravo\n$/);
    t.match(itself.stderr, /^podwire: alpha is this node itself/);
    t.equal(noNumber.code, 2);
  });

  const server = await serve();

  await t.test('every test, by name', async (t) => {
    const { code, stdout, stderr } = await measure('bravo', '--json', ...QUICK);
    t.equal(code, 0, stderr);
    const { to, address, results, loopback, carried, words } = JSON.parse(stdout) as Report;
    t.same([to, address], ['bravo', overlay[0]]);
    t.same(
      results.map(({ test }) => test),
      ['tcp', 'tcp', 'udp', 'rtt', 'rtt', 'rate'],
    );
    t.same(
      loopback?.map(({ test }) => test),
      ['tcp', 'tcp', 'udp', 'rtt', 'rtt'],
    );
    let bytes = 0;
    for (const result of results) {
      if (result.test === 'tcp') {
        bytes += result.reverse ? 0 : result.bytes;
        t.ok(result.bitsPerSecond > 1e6 && result.cpuSecondsPerGb > 0, JSON.stringify(result));
      }
      if (result.test === 'udp') t.ok(result.received > 0 && result.received <= result.sent, JSON.stringify(result));
      if (result.test === 'rtt') {
        const { minUs, p50Us, p99Us, maxUs } = result;
        t.ok(0 < minUs && minUs <= p50Us && p50Us <= p99Us && p99Us <= maxUs, JSON.stringify(result));
      }
      if (result.test === 'rate') {
        const passed = result.trials.filter(({ sent, received }) => received === sent);
        const best = Math.max(0, ...passed.map(({ packetsPerSecond }) => packetsPerSecond));
        t.ok(result.packetsPerSecond <= best + 1e-6, JSON.stringify(result));
      }
    }
    t.ok(carried.txBytes > bytes, `podwire's own count has ${bytes} bytes of TCP in it`);
    t.notOk(words.some((line) => line.includes('another way')));
  });

  await t.test('over IPv6, to an address, for people', async (t) => {
    const words = [
      '--tests',
      'tcp,rtt',
      '--ipv6',
      '--no-loopback',
      '--seconds',
      '0.3',
      '--pings',
      '20',
      '--streams',
      '1',
    ];
    const { code, stdout, stderr } = await measure(bravo.host.underlay, ...words);
    t.equal(code, 0, stderr);
    t.ok(stdout.includes(`to bravo (${overlay[1]})`));
    t.match(stdout, /^TCP, 1 stream: \d+\.\d\d Gbit\/s, CPU \d/m, 'a line for each result');
    t.match(stdout, /^TCP, 1 stream +Gbit\/s +\d/m, 'and a table');
    t.match(stdout, /podwire carried [\d,]+ frames out/);
  });

  await t.test('a pod is refused', async (t) => {
    const answer = await talk(lab, alpha.host.pods[0], overlay[0], '{"type":"hello","version":1}\n');
    t.match(answer, /^\{"type":"refused","words":"10\.244\.1\.10 is not the overlay address of a node/);
    t.match(server.said(), /10\.244\.1\.10 is refused/);
  });

  await t.test('garbage is refused, and what is too long', async (t) => {
    const garbage = ['GET / HTTP/1.1\r\n\r\n', '\n', `${'x'.repeat(100_000)}`, '{"type":"hello"}\n'];
    for (const answer of await Promise.all(garbage.map((words) => talk(lab, alpha.host, overlay[0], words)))) {
      t.match(answer, /refused|^$/);
    }
    const hello = '{"type":"hello","version":1}\n';
    t.match(await talk(lab, alpha.host, overlay[0], `${hello}{"type":"udp"}\n`), /welcome[^\n]*\n\{"type":"refused"/);
    const many = Array.from({ length: 3 }, (_, i) => `{"type":"echo","id":${i + 1},"seconds":1}\n`).join('');
    t.match(await talk(lab, alpha.host, overlay[0], hello + many), /out of order/);
    t.match(await talk(lab, alpha.host, overlay[0], '{"type":"hello","version":2}\n'), /speaks version 1/);
  });

  const long = ['--tests', 'tcp', '--streams', '2', '--seconds', '30', '--no-loopback'];
  const startLong = async () => {
    const earlier = count(server.said(), 'measures\n');
    const child = lab.spawn(alpha.host, command(alpha, 'bravo', ...long), { stdio: ['ignore', 'ignore', 'pipe'] });
    // The first connection only asks whether it is served.
    await until(() => count(server.said(), 'measures\n') > earlier + 1);
    await delay(300);
    return child;
  };

  await t.test('one client at a time; one that vanishes leaves the place', async (t) => {
    const first = await startLong();
    const second = await measure('bravo', ...long);
    t.equal(second.code, 1);
    t.match(second.stderr, /^podwire: bravo is measuring for alpha: try again[^\n]*\n$/);
    first.kill('SIGKILL');
    await until(() => server.said().includes('gone in the middle of a test'));
    const third = await measure('bravo', '--tests', 'rtt', '--pings', '20', '--no-loopback', '--json');
    t.equal(third.code, 0, third.stderr);
  });

  await t.test('a server that is killed in the middle ends the client with a line', async (t) => {
    const client = await startLong();
    const words = client.stderr ? text(client.stderr) : '';
    server.child.kill('SIGKILL');
    t.equal(await ended(client), 1);
    t.match(await words, /^podwire: the connection to bravo has broken off\n$/);
    t.ok(await until(alone), 'nothing is left');
  });

  await t.test('SIGTERM ends a server, client or not', async (t) => {
    const { child, said } = await serve();
    const client = lab.spawn(alpha.host, command(alpha, 'bravo', ...long), { stdio: 'ignore' });
    await until(() => count(said(), 'measures\n') >= 2);
    child.kill('SIGTERM');
    t.equal(await ended(child), 0);
    t.equal(await ended(client), 1);
    t.ok(await until(alone), 'nothing is left');
  });
});

/** Says something to the server from a place; resolves to what it answers until it closes, or a second is over. */
async function talk(lab: Lab, from: Place, address: string, words: string): Promise<string> {
  const program = `
    const socket = require('node:net').connect(${PORT}, '${address}');
    socket.on('error', () => {});
    socket.pipe(process.stdout);
    socket.write(${JSON.stringify(words)});
    setTimeout(() => process.exit(), 1000).unref();
    socket.on('close', () => process.exit());`;
  return (await lab.exec(from, [process.execPath, '-e', program])).stdout;
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  return once(child, 'close').then(([code]) => code as number | null);
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** Waits until it is so, at most ten seconds. */
async function until(isSo: () => boolean): Promise<boolean> {
  for (const end = performance.now() + 10_000; !isSo(); await delay(20)) if (performance.now() > end) return false;
  return true;
}
