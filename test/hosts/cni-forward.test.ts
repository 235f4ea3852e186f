/** Packet filters of others that drop what pods need forwarded: the agent says so, once, and what it advises mends it. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { NodeEvent } from '../../src/control/node-api.js';
import { Lab } from '../../src/lab/lab.js';
import type { LabHost } from '../../src/lab/plan.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import { ask, startEcho } from '../../src/lab/tools.js';
import { podwire } from './cli.js';
import { attach, containers } from './cni.js';
import { labSkip, needs } from './lab.js';

const skip = labSkip() || needs('nft', 'nftables');

const nft = (rules: string) => `nft -f - <<'E'\ntable ip filter {\nchain FORWARD {\n${rules}\n}\n}\nE`;
const DROP = 'type filter hook forward priority 0; policy drop;';

async function told(lab: Lab, node: RunningPodwire, wanted: string): Promise<NodeEvent[]> {
  const { stdout } = await podwire(lab, node.host, 'events', '--json', '--socket', node.socket);
  const events = stdout.split('\n').filter(Boolean);
  return events.map((line) => JSON.parse(line) as NodeEvent).filter(({ kind }) => kind === wanted);
}

/** The first, within some seconds. */
async function refused(lab: Lab, node: RunningPodwire, kind = 'forward-refused'): Promise<NodeEvent[]> {
  for (let tries = 0; tries < 40; tries++) {
    const found = await told(lab, node, kind);
    if (found.length > 0) return found;
    await delay(250);
  }
  return [];
}

/** What the words advise, in quotes. */
async function mend(lab: Lab, host: LabHost, words: string): Promise<void> {
  for (const [, command] of words.matchAll(/'((?:nft|iptables)[^']*)'/g)) {
    const { code, stderr } = await lab.exec(host, ['sh', '-c', command.replaceAll('"', '\\"')]);
    if (code !== 0) throw new Error(`${command}: ${stderr}`);
  }
}

const KINDS = [
  {
    name: 'nftables',
    make: nft(DROP),
    early: false,
    names: /^nft table ip filter, chain FORWARD drops by policy.*podwire0/,
    off: false,
  },
  {
    name: 'the older iptables',
    make: 'iptables-legacy -P FORWARD DROP',
    early: true,
    names: /^at the start iptables-legacy, chain FORWARD drops by policy.*podwire0/,
    off: needs('iptables-legacy', 'iptables'),
  },
];

for (const { name, make, names, early, off } of KINDS) {
  t.test(`FORWARD drops by policy: ${name}`, { skip: skip || off }, async (t) => {
    const lab = await Lab.create({ name: 'forward', hosts: 2, pods: 0 });
    t.teardown(() => lab.destroy());
    const [alpha, bravo] = lab.hosts;
    // Docker may come before podwire, or after it.
    const first = early ? await lab.exec(alpha, ['sh', '-c', make]) : undefined;
    const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
    const { code, stderr } = first ?? (await lab.exec(alpha, ['sh', '-c', make]));
    if (code !== 0) {
      t.comment(`this kernel has none: ${stderr}`);
      return;
    }
    const [far] = await containers(lab, bravo, 'far');
    const { addresses } = await attach(lab, nodes[1], far);
    await startEcho(lab, far);
    const pods = await containers(lab, alpha, 'a', 'b', 'c');
    for (const [i, pod] of pods.entries())
      await attach(lab, nodes[0], pod, { config: { attach: i === 0 ? 'bridge' : 'ptp' } });
    const seen = async () => (await ask(lab, pods[0], addresses.slice(0, 1)))[0].seen;
    t.equal(await seen(), '', 'pods suffer');
    const [event, ...more] = await refused(lab, nodes[0]);
    t.match(event?.message, names);
    t.same(more, [], 'told once');
    t.equal(nodes[0].log().match(/drops by policy/g)?.length, 1, 'a line of the log');
    const check = await podwire(lab, alpha, 'check', '--config', nodes[0].configFile);
    t.match(check.stdout, /chain FORWARD drops by policy/, 'check says it too');
    await mend(lab, alpha, event?.message ?? '');
    t.not(await seen(), '', 'what it advises mends it');
    t.same(await told(lab, nodes[1], 'forward-refused'), [], 'where nothing drops nothing is said');
  });
}

t.test(
  'the older iptables, closed after podwire has given up the right to read it',
  { skip: skip || needs('iptables-legacy', 'iptables') },
  async (t) => {
    const lab = await Lab.create({ name: 'forwardlate', hosts: 1, pods: 0 });
    t.teardown(() => lab.destroy());
    const [alpha] = lab.hosts;
    const node = await lab.startPodwire(alpha);
    const { code, stderr } = await lab.exec(alpha, ['iptables-legacy', '-P', 'FORWARD', 'DROP']);
    if (code !== 0) {
      t.comment(`this kernel has none: ${stderr}`);
      return;
    }
    const [pod] = await containers(lab, alpha, 'pod');
    await attach(lab, node, pod);
    const [event] = await refused(lab, node, 'forward-unread');
    t.match(event?.message, /'podwire check' as root says/);
  },
);

t.test('a chain that lets the cluster pass, and not what is masqueraded', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'forwardout', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const rules = `${DROP} ct state established accept; iifname "podwire0" accept; oifname "podwire0" accept;`;
  await lab.exec(alpha, ['sh', '-c', nft(rules)]);
  const [hidden] = await containers(lab, alpha, 'hidden');
  const ports = { runtimeConfig: { portMappings: [{ hostPort: 8088, containerPort: 7007, protocol: 'tcp' }] } };
  await attach(lab, node, hidden, { config: { masquerade: true, ...ports } });
  await startEcho(lab, lab.router);
  const seen = async () => (await ask(lab, hidden, [alpha.router]))[0].seen;
  t.equal(await seen(), '', 'the outside is out of reach');
  const [event] = await refused(lab, node);
  t.match(event?.message, /chain FORWARD drops by policy.*masqueraded packets and host ports are lost/);
  await mend(lab, alpha, event?.message ?? '');
  t.equal(await seen(), alpha.underlay, 'what it advises mends it');
});
