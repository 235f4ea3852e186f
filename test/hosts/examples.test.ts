/** The examples for machines, on hosts of a lab: the two nodes with their own files, and what systemd is told. */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { loadConfig } from '../../src/control/config/load.js';
import { Lab } from '../../src/lab/lab.js';
import type { LabHost } from '../../src/lab/plan.js';
import { ping } from '../../src/lab/tools.js';
import { formatAddress } from '../../src/wire/address.js';
import { packageRoot } from '../unit/package-root.js';
import { labSkip, needs } from './lab.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const skip = labSkip();

t.test('two-nodes, with its files as they are', { skip: skip || needs('ping', 'iputils-ping') }, async (t) => {
  const lab = await Lab.create({ name: 'twonodes', hosts: 2, filter: false });
  t.teardown(() => lab.destroy());
  await Promise.all(lab.hosts.map((host) => giveUnderlay(lab, host)));
  await Promise.all(lab.hosts.map((host) => up(lab, host)));

  const [alpha, bravo] = lab.hosts;
  for (const address of ['10.244.2.0', 'fd00:244:0:2::2']) {
    t.ok(await ping(lab, alpha, address), `alpha reaches ${address}, as the README says`);
  }
  // The lab's pods have addresses of these nodes' subnets.
  for (const [from, to] of [
    [alpha.pods[0], bravo.pods[0]],
    [bravo.pods[0], alpha.pods[0]],
  ]) {
    for (const address of to.addresses) t.ok(await ping(lab, from, address), `${from.name} reaches ${address}`);
  }
});

for (const kind of ['a path', 'an abstract name'] as const) {
  const needed = skip || needs('python3');
  t.test(`systemd is told READY=1 when traffic flows: ${kind}`, { skip: needed }, async (t) => {
    const lab = await Lab.create({ name: 'notify', hosts: 1 });
    t.teardown(() => lab.destroy());
    const [alpha] = lab.hosts;
    const address = kind === 'a path' ? join(lab.directory, 'notify') : `@${lab.directory}/notify`;
    // Node has no datagram sockets of this family.
    const receiver = lab.spawn(alpha, ['python3', '-uc', RECEIVER, address], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: receiver.stdout ?? process.stdin })[Symbol.asyncIterator]();
    t.equal((await lines.next()).value, 'bound');
    const node = await lab.startPodwire(alpha, { env: { NOTIFY_SOCKET: address } });
    t.equal((await lines.next()).value, 'READY=1');
    t.equal((await node.stop()).code, 0);
  });
}

/** Prints what comes, a line a datagram. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0'))
print('bound')
while True: print(s.recv(4096).decode().strip())
`;

function exampleFile(host: LabHost): string {
  return join(packageRoot(), 'examples', 'two-nodes', `${host.name}.yaml`);
}

/** The address that the file wants of its machine, and the way to it. */
async function giveUnderlay(lab: Lab, host: LabHost): Promise<void> {
  const config = loadConfig({ file: exampleFile(host) });
  if (!config.underlay) throw new Error(`${host.name}.yaml names no underlay`);
  const underlay = formatAddress(config.underlay[0]);
  const own = await lab.exec(host, ['ip', 'address', 'add', `${underlay}/32`, 'dev', 'eth0']);
  const way = await lab.exec(lab.router, ['ip', 'route', 'add', underlay, 'via', host.underlay]);
  if (own.code !== 0 || way.code !== 0) throw new Error(own.stderr + way.stderr);
}

/** `podwire up` with the file; resolves when it is ready. Hosts share the file system: socket and state are flags. */
async function up(lab: Lab, host: LabHost): Promise<void> {
  const own = join(lab.directory, host.name);
  const flags = ['--socket', `${own}.sock`, '--state-dir', own];
  const child = lab.spawn(host, [process.execPath, CLI, 'up', '--config', exampleFile(host), ...flags]);
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr ?? process.stdin })) {
    if (line.startsWith('ready ')) return;
    said.push(line);
  }
  throw new Error(said.join('\n'));
}
