/**
 * What hurts pods of one node among each other, and those with `masquerade` and host ports, is named by `podwire check`, and its
 * own command mends it. Each bad state is made on a host with pods attached by the plugin, and they are seen to suffer, or not.
 */
import { existsSync } from 'node:fs';
import t from 'tap';
import type { Finding } from '../../src/control/check.js';
import { Lab } from '../../src/lab/lab.js';
import { ask, ping, startEcho } from '../../src/lab/tools.js';
import { podwire } from './cli.js';
import { attach, cni, containers } from './cni.js';
import { until } from './gossiping.js';
import { labSkip, needs } from './lab.js';

const skip =
  labSkip() ||
  needs('nft', 'nftables') ||
  needs('iptables-legacy', 'iptables') ||
  (existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables') ? false : 'needs br_netfilter');

/** Who is not reached (`''`), or by which address it is seen; absent: as it should be. */
type Suffers = Readonly<Partial<Record<'bridge' | 'routed' | 'out' | 'in', string>>>;

interface Case {
  readonly name: string;
  /** Lines for sh; `nft` reads a table from its input. */
  readonly make: string;
  readonly undo: string;
  readonly hurts: Suffers;
  /** What is to be named; absent: nothing is. */
  readonly names?: RegExp;
}

const table = (text: string) => `nft -f - <<'E'\n${text}\nE`;
/** All but the table of podwire's own. */
const GONE = 'nft delete table ip fw';
const FORWARD = 'type filter hook forward priority 0; policy drop;';
const CLUSTER = 'ct state established,related accept\niifname "podwire0" accept\noifname "podwire0" accept';
const OUTSIDE = 'iifname "pw*" accept\noifname "pw*" accept\niifname "podwire-br" oifname != "podwire-br" accept';
const bridgeCalls = (value: 0 | 1) =>
  ['iptables', 'ip6tables'].map((name) => `echo ${value} > /proc/sys/net/bridge/bridge-nf-call-${name}`).join('; ');

const CASES: readonly Case[] = [
  { name: 'bridged packets pass the filters of IP, and there are none', make: 'true', undo: 'true', hurts: {} },
  {
    name: 'what Docker does to a machine',
    make: table(`table ip fw {\nchain FORWARD {\n${FORWARD}\nct state established,related accept\n}\n}`),
    undo: GONE,
    hurts: { bridge: '', routed: '', out: '', in: '' },
    names:
      /^nft table ip fw, chain FORWARD drops by policy, .*podwire0 both ways, nor what pods of this node send each/,
  },
  {
    name: 'a chain that lets the cluster and the outside pass, and not bridged packets',
    make: table(`table ip fw {\nchain FORWARD {\n${FORWARD}\n${CLUSTER}\n${OUTSIDE}\n}\n}`),
    undo: GONE,
    hurts: { bridge: '' },
    names:
      /^nft table ip fw, chain FORWARD drops by policy, and no rule accepts what pods of this node send each other/,
  },
  {
    name: 'the same in the tables before nft',
    make: `iptables-legacy -P FORWARD DROP
      iptables-legacy -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
      for d in podwire0 pw+; do iptables-legacy -A FORWARD -i $d -j ACCEPT; iptables-legacy -A FORWARD -o $d -j ACCEPT; done`,
    undo: 'iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F FORWARD',
    hurts: { bridge: '' },
    names:
      /^iptables-legacy, chain FORWARD drops by policy, and no rule accepts what pods of this node send each other/,
  },
  {
    name: 'the same where bridged packets pass no filter of IP',
    make: `${bridgeCalls(0)}; ${table(`table ip fw {\nchain FORWARD {\n${FORWARD}\n${CLUSTER}\n${OUTSIDE}\n}\n}`)}`,
    undo: `${GONE}; ${bridgeCalls(1)}`,
    hurts: {},
  },
  {
    name: 'a chain that lets the cluster pass, and not the outside',
    make: table(
      `table ip fw {\nchain FORWARD {\n${FORWARD}\n${CLUSTER}\nip saddr 10.244.1.0/24 ip daddr 10.244.1.0/24 accept\n}\n}`,
    ),
    undo: GONE,
    hurts: { out: '', in: '' },
    names:
      /^nft table ip fw, chain FORWARD drops by policy, .*the outside: masqueraded packets and host ports are lost/,
  },
  {
    name: 'a rule against host ports',
    make: table(
      'table ip fw {\nchain f {\ntype filter hook forward priority 0\niifname "eth0" tcp dport 7007 counter drop\n}\n}',
    ),
    undo: GONE,
    hurts: { in: '' },
    names: /^nft table ip fw, chain f, handle \d+ drops packets between pods and the outside/,
  },
  {
    name: "another's masquerade that leaves out only the tunnel",
    make: 'iptables-legacy -t nat -A POSTROUTING -s 10.244.1.0/24 ! -o podwire0 -j MASQUERADE',
    undo: 'iptables-legacy -t nat -F POSTROUTING',
    hurts: { routed: '10.244.1.1', bridge: '10.244.1.1' },
    names: /^iptables-legacy, chain POSTROUTING, .* changes the addresses of packets between pods of this node: NAT/,
  },
  {
    name: "another's masquerade of what leaves the cluster",
    make: table(
      `table ip fw {\nchain p {\ntype nat hook postrouting priority 100\nip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade\n}\n}`,
    ),
    undo: GONE,
    hurts: {},
  },
];

t.test('each culprit is named, and mended as it says', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'checkpods', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const [one, other, routed] = await containers(lab, alpha, 'one', 'other', 'routed');
  const ports = [{ hostPort: 7007, containerPort: 7007, protocol: 'tcp' }];
  await attach(lab, node, one);
  const { addresses: beside } = await attach(lab, node, other);
  const { addresses: behind } = await attach(lab, node, routed, {
    config: { attach: 'ptp', masquerade: true, runtimeConfig: { portMappings: ports } },
  });
  await Promise.all([other, routed, lab.router].map((place) => startEcho(lab, place)));
  const sh = (text: string) => lab.exec(alpha, ['sh', '-ec', text]);
  t.equal((await sh(bridgeCalls(1))).code, 0);

  const own = (await ask(lab, one, [beside[0]]))[0].own;
  /** Connections each, from a place to an address, and the source that is to be seen there. */
  const suffers = async (): Promise<Suffers> => {
    const seen = async (from: typeof one | typeof lab.router, to: string) => (await ask(lab, from, [to]))[0].seen;
    const [bridge, direct, out, port] = await Promise.all([
      seen(one, beside[0]),
      seen(one, behind[0]),
      seen(routed, alpha.router),
      seen(lab.router, alpha.underlay),
    ]);
    return {
      ...(bridge !== own && { bridge }),
      ...(direct !== own && { routed: direct }),
      ...(out !== alpha.underlay && { out }),
      ...(port !== alpha.router && { in: port }),
    };
  };
  const found = async (): Promise<Finding[]> => {
    const { stdout, stderr } = await podwire(lab, alpha, 'check', '--config', node.configFile, '--json');
    t.equal(stderr, '');
    return (JSON.parse(stdout) as { findings: Finding[] }).findings.filter(
      ({ level, subject }) => level !== 'ok' && subject !== 'addon',
    );
  };

  for (const { name, make, undo, hurts, names } of CASES) {
    const made = await sh(make);
    t.equal(made.code, 0, made.stderr);
    t.same(await suffers(), hurts, `${name}: ${Object.keys(hurts).join(', ') || 'nothing'} suffers`);
    const findings: Finding[] = [];
    // What is mended may have hidden something more.
    for (let [finding] = await found(); finding && findings.length < 4; [finding] = await found()) {
      findings.push(finding);
      for (const [, command] of finding.mend?.matchAll(/'((?:nft|iptables-legacy) [^']*)'/g) ?? []) {
        const mended = await sh(command);
        t.equal(mended.code, 0, `${command}: ${mended.stderr}`);
      }
    }
    if (names) t.match(findings[0], { subject: 'firewall', message: names }, name);
    else t.same(findings, [], name);
    t.same(await suffers(), {}, `${name}: mended by ${findings.map(({ mend }) => mend).join('; ')}`);
    await sh(undo);
  }

  // The agent tells of it too, when a pod comes.
  await sh(table(`table ip fw {\nchain FORWARD {\n${FORWARD}\n${CLUSTER}\n${OUTSIDE}\n}\n}`));
  const [last] = await containers(lab, alpha, 'last');
  const late = await lab.startPodwire(alpha, { args: ['--takeover'] });
  await attach(lab, late, last);
  await until('the agent tells of it', async () =>
    /forward-refused.*pods of this node send each other/.test(late.log()),
  );
});

t.test('a host port that is podwire’s own', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'ownports', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const [node] = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  const [pod, next] = await containers(lab, alpha, 'pod', 'next');
  const mapped = (hostPort: number, protocol: string) => ({
    config: { runtimeConfig: { portMappings: [{ hostPort, containerPort: 80, protocol }] } },
  });
  t.match(await cni(lab, node, 'ADD', pod, mapped(8472, 'udp')), {
    code: 1,
    json: { code: 7, msg: /hostPort 8472 \(udp\) is this node's own: .* nothing was changed/ },
  });
  await attach(lab, node, next, mapped(8472, 'tcp'));
  t.not(await ping(lab, bravo, '10.244.1.0'), undefined, 'what peers send still arrives');

  const found = async () => {
    const { stdout } = await podwire(lab, alpha, 'check', '--config', node.configFile, '--json');
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    return findings.filter(({ subject }) => subject === 'host ports').map(({ message }) => message);
  };
  await startEcho(lab, alpha);
  const reached = async () => (await ask(lab, lab.router, [alpha.underlay]))[0].seen;
  t.equal(await reached(), alpha.router);
  t.same(await found(), []);
  const [taker, second] = await containers(lab, alpha, 'taker', 'second');
  await attach(lab, node, taker, mapped(7007, 'tcp'));
  t.equal(await reached(), '', 'the node’s own program is not reached any more');
  t.match(await found(), [/^TCP port 7007 of this node leads to alpha-taker, and a program of the node listens there/]);
  t.match(await cni(lab, node, 'ADD', second, mapped(8472, 'tcp')), {
    code: 1,
    json: { code: 7, msg: /hostPort 8472 \(tcp\) leads to container alpha-next \(eth0\); nothing was changed/ },
  });
  t.equal((await cni(lab, node, 'DEL', taker)).code, 0);
  t.equal(await reached(), alpha.router);
  t.same(await found(), []);
});
