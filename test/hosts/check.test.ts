/**
 * What hurts pod traffic is named by `podwire check`, and its own command mends it; what does not hurt is not named. Each bad
 * state is made on a host, and traffic is seen to suffer, or not.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Finding } from '../../src/control/check.js';
import { Lab } from '../../src/lab/lab.js';
import type { LabHost, LabPod } from '../../src/lab/plan.js';
import { ask, ping, startEcho } from '../../src/lab/tools.js';
import { podwire } from './cli.js';
import { labSkip, needs } from './lab.js';

const skip =
  labSkip() || needs('nft', 'nftables') || needs('iptables-legacy', 'iptables') || needs('ping', 'iputils-ping');

interface Case {
  readonly name: string;
  /** Lines for sh on alpha; `nft` reads a table from its input. */
  readonly make: string;
  /** What takes it away, if the mend leaves something. */
  readonly undo: string;
  /** What is to be named; absent: nothing is, and nothing hurts. */
  readonly names?: { readonly subject: string; readonly message: RegExp };
  /** How traffic suffers; `source`: pods are seen by another address. */
  readonly hurts?: 'pods' | 'source' | 'underlay source';
}

/** Each chain ends its line. */
const table = (text: string) =>
  `nft -f - <<'E'\n${text.replace(/\}\s*\}$/, '}\n}').replace(/\}\s*chain/g, '}\nchain')}\nE`;
const NFT_GONE = 'nft flush ruleset';
const FORWARD = 'type filter hook forward priority 0; policy drop;';

const CASES: readonly Case[] = [
  { name: 'nothing', make: 'true', undo: 'true' },
  {
    name: 'a forward chain that drops by policy',
    make: table(`table ip filter { chain FORWARD { ${FORWARD} ct state established,related accept; } }`),
    undo: NFT_GONE,
    names: { subject: 'firewall', message: /^nft table ip filter, chain FORWARD drops by policy, .*podwire0/ },
    hurts: 'pods',
  },
  {
    name: 'the same, with a chain for us that it jumps to',
    make: table(
      `table inet fw { chain pods { iifname "podwire0" counter accept; oifname { "podwire0", "x" } accept; }
       chain forward { ${FORWARD} ct state vmap { established : accept, invalid : drop }; jump pods; } }`,
    ),
    undo: NFT_GONE,
  },
  {
    name: 'a rule in a chain that is jumped to',
    make: table(
      `table inet fw { chain bad { ip saddr 192.0.2.0/24 drop; ip daddr 10.244.0.0/16 ip saddr != 10.99.0.0/16 reject; }
       chain forward { type filter hook forward priority 0; meta nfproto ipv4 jump bad; } }`,
    ),
    undo: NFT_GONE,
    names: { subject: 'firewall', message: /^nft table inet fw, chain bad, handle \d+ drops packets of pods/ },
    hurts: 'pods',
  },
  {
    name: 'an input chain without our port',
    make: table(
      'table inet fw { chain in { type filter hook input priority 0; policy drop; tcp dport { 22, 8472 } accept; icmp type echo-request accept; } }',
    ),
    undo: NFT_GONE,
    names: { subject: 'firewall', message: /^nft table inet fw, chain in drops by policy, .*UDP port 8472/ },
    hurts: 'pods',
  },
  {
    name: 'an input chain with it',
    make: table(
      'table inet fw { chain in { type filter hook input priority 0; policy drop; udp dport 8000-9000 accept; } }',
    ),
    undo: NFT_GONE,
  },
  {
    name: 'NAT of pod traffic',
    make: table(
      `table ip nat { chain masq { ip saddr 10.244.0.0/16 masquerade; }
       chain POSTROUTING { type nat hook postrouting priority 100; oifname != "lo" jump masq; } }`,
    ),
    undo: NFT_GONE,
    names: { subject: 'firewall', message: /^nft table ip nat, chain masq, handle \d+ changes the addresses .*NAT/ },
    hurts: 'source',
  },
  {
    name: 'NAT of what leaves the cluster, and of others',
    make: table(
      `table ip nat { chain POSTROUTING { type nat hook postrouting priority 100;
       ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade; ip saddr 172.17.0.0/16 oifname != "docker0" masquerade; } }`,
    ),
    undo: NFT_GONE,
  },
  {
    name: 'invalid packets are dropped, and there are none',
    make: table('table ip fw { chain f { type filter hook forward priority 0; ct state invalid counter drop; } }'),
    undo: NFT_GONE,
  },
  {
    name: 'what Docker does to a machine, in the tables before nft',
    make: 'iptables-legacy -P FORWARD DROP; iptables-legacy -A FORWARD -i docker0 -j ACCEPT',
    undo: 'iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F FORWARD',
    names: { subject: 'firewall', message: /^iptables-legacy, chain .*FORWARD drops by policy, .*podwire0/ },
    hurts: 'pods',
  },
  {
    name: 'NAT of pod traffic in the tables before nft',
    make: 'iptables-legacy -t nat -A POSTROUTING -s 10.244.0.0/16 ! -o lo -j MASQUERADE',
    undo: 'iptables-legacy -t nat -F POSTROUTING',
    names: { subject: 'firewall', message: /^iptables-legacy, chain .*changes the addresses .*NAT/ },
    hurts: 'source',
  },
  {
    // The way back from pods to underlay addresses is the tunnel.
    name: 'strict filtering of sources on our device',
    make: 'echo 1 > /proc/sys/net/ipv4/conf/podwire0/rp_filter',
    undo: 'echo 2 > /proc/sys/net/ipv4/conf/podwire0/rp_filter',
  },
  {
    name: 'strict filtering elsewhere',
    make: 'echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter',
    undo: 'echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter',
  },
  {
    name: 'a routing rule before the main table',
    make: 'ip route add default via 10.101.1.1 table 42; ip rule add from all lookup 42 priority 100',
    undo: 'ip route flush table 42; ip rule del priority 100; ip rule del priority 99 || true',
    names: {
      subject: 'routes',
      message: /^the routing rule 100: from all lookup 42 sends 10\.244\.0\.0\/16 by default/,
    },
    hurts: 'pods',
  },
  {
    name: 'a routing rule for others',
    make: 'ip route add default via 10.101.1.1 table 42; ip rule add from 192.0.2.0/24 lookup 42 priority 100; ip rule add fwmark 7 lookup 42 priority 101',
    undo: 'ip route flush table 42; ip rule del priority 100; ip rule del priority 101',
  },
  {
    name: 'an IPsec policy that blocks',
    make: 'ip xfrm policy add src 10.244.0.0/16 dst 10.244.0.0/16 dir fwd action block',
    undo: 'ip xfrm policy flush',
    names: { subject: 'xfrm', message: /^an IPsec policy blocks packets of pods: dir fwd src 10\.244\.0\.0\/16/ },
    hurts: 'pods',
  },
  {
    name: 'no forwarding',
    make: 'echo 0 > /proc/sys/net/ipv4/ip_forward',
    undo: 'echo 1 > /proc/sys/net/ipv4/ip_forward',
    names: { subject: 'forwarding', message: /^net\.ipv4\.ip_forward is 0/ },
    hurts: 'pods',
  },
];

t.test('each culprit is named, and mended as it says', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'culprit', hosts: 2 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const [node] = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  const [to] = bravo.pods[0].addresses;
  const [own] = alpha.pods[0].addresses;
  await startEcho(lab, bravo.pods[0]);
  const sh = (text: string) => lab.exec(alpha, ['sh', '-ec', text]);

  /** Nothing hurts, or in which way something does. */
  const suffers = async (): Promise<Case['hurts']> => {
    if ((await ping(lab, alpha.pods[0], to)) === undefined) return 'pods';
    const [answer] = await ask(lab, alpha.pods[0], [to]);
    if (answer?.seen !== own) return 'source';
    return (await arrives(lab, bravo, alpha.pods[0])) ? undefined : 'underlay source';
  };
  // The addon may be switched off for the whole run: that is no state of the machine.
  const found = async (): Promise<Finding[]> => {
    const { stdout, stderr } = await podwire(lab, alpha, 'check', '--config', node.configFile, '--json');
    t.equal(stderr, '');
    return (JSON.parse(stdout) as { findings: Finding[] }).findings.filter(
      ({ level, subject }) => level !== 'ok' && subject !== 'addon',
    );
  };

  for (const { name, make, undo, names, hurts } of CASES) {
    const made = await sh(make);
    t.equal(made.code, 0, made.stderr);
    t.equal(await suffers(), hurts, `${name}: ${hurts ?? 'nothing'} suffers`);
    const findings = await found();
    t.equal(findings.length, names ? 1 : 0, JSON.stringify(findings));
    if (names) {
      t.match(findings[0], names, name);
      for (const [, command = ''] of findings[0]?.mend?.matchAll(/'((?:nft|ip|iptables-legacy|sysctl) [^']*)'/g) ??
        []) {
        const mended = await sh(command);
        t.equal(mended.code, 0, `${command}: ${mended.stderr}`);
      }
      t.equal(await suffers(), undefined, `${name}: mended by ${findings[0]?.mend}`);
      t.strictSame(await found(), [], 'and nothing is left to say');
    }
    await sh(undo);
  }
});

/** Whether a ping from a host's underlay address comes to a pod of another. The answer would go outside the overlay. */
async function arrives(lab: Lab, from: LabHost, to: LabPod): Promise<boolean> {
  const before = await echoes(lab, to);
  await lab.exec(from, ['ping', '-n', '-c', '1', '-W', '0.2', '-I', from.underlay, to.addresses[0]]);
  return (await echoes(lab, to)) > before;
}

/** Echo requests that a place has received. */
async function echoes(lab: Lab, place: LabPod): Promise<number> {
  const { stdout } = await lab.exec(place, ['cat', '/proc/self/net/snmp']);
  const [names = [], values = []] = stdout
    .split('\n')
    .filter((line) => line.startsWith('Icmp:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('InEchos')]);
}

t.test('the way back of a peer is another', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'wayback', hosts: 2 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const file = join(lab.directory, 'check.json');
  writeFileSync(file, JSON.stringify(lab.nodeConfig(alpha)));
  const script = `ip link add other type veth peer name far; ip link set other up; ip link set far up
    ip route add ${bravo.underlay}/32 dev other; echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter`;
  t.equal((await lab.exec(alpha, ['sh', '-ec', script])).code, 0);
  const { stdout } = await podwire(lab, alpha, 'check', '--config', file, '--json');
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  t.match(
    findings.filter(({ subject }) => subject === 'rp_filter'),
    [{ level: 'warn', message: /^eth0 filters sources strictly, and the way back to 10\.101\.2\.2 is other/ }],
  );
});
