/** Is this machine fit for this configuration? Pure: facts in, findings out, each with what to do about it. */
import { formatMac, macFromName } from '../core/mac.js';
import { addressIn, noSharedFamily, sharedFamilies, underlayText } from '../core/underlay.js';
import {
  type Address,
  formatAddress,
  formatPrefix,
  type Prefix,
  prefixContains,
  prefixesOverlap,
  samePrefix,
} from '../wire/address.js';
import { IPV4_MIN_MTU } from '../wire/ipv4.js';
import { IPV6_MIN_MTU } from '../wire/ipv6.js';
import { hostPorts } from './check-host-ports.js';
import { disabledIpv6, firewall, reversePaths, routing } from './check-network.js';
import { formatSeed } from './config/endpoint.js';
import { type Endpoint, gossips, type PlacedConfig } from './config/node-config.js';
import { BRIDGE, carriedSubnets, PROTOCOL, tunMtu } from './desired-host.js';
import { bad, type Finding, ok, warn } from './finding.js';
import type { ActualRoute } from './host-plan.js';
import type { InterfaceFacts, MachineFacts } from './machine-facts.js';
import { mendOf } from './unwritable.js';

export type { Finding } from './finding.js';

/** A worker's queues, sockets and wakers, with room to spare. */
const FILES_PER_WORKER = 64;
const GOOD_SOCKET_BUFFER = 1 << 20;

/** Every finding, good ones too, in the order in which a node needs the things. */
export function checkNode(config: PlacedConfig, facts: MachineFacts): Finding[] {
  return [
    ...kernel(facts),
    ...programs(facts),
    ...permissions(facts),
    ...places(config, facts),
    ...underlay(config, facts),
    ...port(config, facts),
    ...gossip(config, facts),
    ...device(config, facts),
    ...overlaps(config, facts),
    ...reversePath(config, facts),
    ...forwarding(config, facts),
    ...disabledIpv6(config, facts),
    ...firewall(config, facts),
    ...routing(facts),
    ...hostPorts(facts.hostPorts),
    ...limits(config, facts),
    ...mac(config, facts),
  ];
}

/** Those with which `up` must not begin. */
export function fatalProblems(findings: readonly Finding[]): Finding[] {
  return findings.filter((finding) => finding.level === 'bad');
}

/** A node that runs tells of these itself, when they matter, or mends them as soon as there is a pod. */
const TOLD_LATER: readonly string[] = ['addon', 'underlay', 'join', 'forwarding', 'firewall'];

/** Those with which `up` begins, and which nobody would hear of otherwise. */
export function tellableProblems(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ level, subject }) => level === 'warn' && !TOLD_LATER.includes(subject));
}

/** In one line. */
export function problemText({ message, mend }: Finding): string {
  return mend ? `${message}: ${mend}` : message;
}

function kernel({ kernel: release }: MachineFacts): Finding[] {
  const subject = 'kernel';
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  const atLeast = (a: number, b: number) => major > a || (major === a && minor >= b);
  if (!atLeast(4, 18)) {
    return [bad(subject, `Linux ${release} cannot send batches of UDP (4.18 can)`, 'run Linux 5.0 or newer')];
  }
  if (!atLeast(5, 0)) {
    return [warn(subject, `Linux ${release} does not join received UDP (5.0 does): slower`, 'run Linux 5.0 or newer')];
  }
  const udp = atLeast(6, 2) ? '' : '; UDP superpackets from pods come with 6.2';
  return [ok(subject, `Linux ${release}${udp}`)];
}

function programs(facts: MachineFacts): Finding[] {
  return [
    facts.ipProgram
      ? ok('iproute2', "the program 'ip' is there")
      : bad('iproute2', "the program 'ip' is not installed", 'install the package iproute2'),
    systemCalls(facts),
  ];
}

function systemCalls({ systemCalls: found }: MachineFacts): Finding {
  const subject = 'addon';
  if (found.by === 'addon') return ok(subject, 'the C addon is built and loads');
  if (found.by === 'none') return bad(subject, found.problem, found.cure);
  return warn(subject, `${found.problem}: koffi does its work, slower`, found.cure);
}

function permissions(facts: MachineFacts): Finding[] {
  return [
    facts.netAdmin
      ? ok('privileges', 'CAP_NET_ADMIN is in effect')
      : bad(
          'privileges',
          'no CAP_NET_ADMIN: no device, address or route can be made',
          'run as root or with CAP_NET_ADMIN',
        ),
    facts.tun === 'ok'
      ? ok('tun', '/dev/net/tun opens')
      : facts.tun === 'missing'
        ? bad(
            'tun',
            '/dev/net/tun is not there',
            "load the module: 'modprobe tun'; in a container: '--device /dev/net/tun'",
          )
        : bad('tun', '/dev/net/tun may not be opened', 'run as root, or give this user read and write on /dev/net/tun'),
  ];
}

/** Where files have to be made. */
function places({ stateDir, socket }: PlacedConfig, { writable, agentRuns }: MachineFacts): Finding[] {
  const found = [
    { subject: 'stateDir', path: stateDir, code: writable.stateDir, flag: '--state-dir' },
    // One that runs has made its own.
    { subject: 'socket', path: socket, code: agentRuns ? 'ok' : writable.socket, flag: '--socket' },
  ];
  return found.map(({ subject, path, code, flag }) =>
    code === 'ok'
      ? ok(subject, `${path} can be written`)
      : bad(
          subject,
          `${path} cannot be written (${code})`,
          `${mendOf(code, `see what is at ${path}`)}, or choose another with ${flag}`,
        ),
  );
}

/** The underlay's interface, and what MTU it leaves inside. */
function underlay(config: PlacedConfig, facts: MachineFacts): Finding[] {
  const links = config.underlay.flatMap((address) => {
    const link = interfaceWith(address, facts);
    return link ? [{ link, fits: tunMtu(link.mtu, address.family) }] : [];
  });
  const held = config.underlay.map((address) => heldAddress(address, config, facts, links.length > 0));
  // Of both families the one that leaves less inside counts.
  const [narrowest] = links.sort((one, other) => one.fits - other.fits);
  return [...held, ...(narrowest ? mtu(config, narrowest.link, narrowest.fits) : []), ...apart(config)];
}

/** @param another whether the node has one of the other family */
function heldAddress(address: Address, config: PlacedConfig, facts: MachineFacts, another: boolean): Finding {
  const text = formatAddress(address);
  const link = interfaceWith(address, facts);
  if (link?.up) return ok('underlay', `${text} is on ${link.name}, MTU ${link.mtu}`);
  const [message, mend] = link
    ? [`${link.name}, which holds ${text}, is down`, `'ip link set ${link.name} up'`]
    : [`no interface holds ${text}`, 'set underlay to an address of this machine'];
  // With gossip a node goes without an address until it is there: the others are told.
  const goesOn = another && gossips(config) && !link;
  return goesOn
    ? warn('underlay', `${message}: it is taken as soon as one does`, mend)
    : bad('underlay', message, mend);
}

/** Peers of the configuration that cannot be reached, whatever the machine. */
function apart({ underlay, peers }: PlacedConfig): Finding[] {
  return peers
    .filter((peer) => sharedFamilies(underlay, peer.underlay).length === 0)
    .map((peer) =>
      warn('peers', noSharedFamily(peer.node, underlay, peer.underlay), 'give one of them an address of both families'),
    );
}

function mtu(config: PlacedConfig, link: InterfaceFacts, fits: number): Finding[] {
  const used = config.mtu ?? fits;
  const podCidr = podRanges(config);
  const missing = podCidr.filter((subnet) => !carriedSubnets({ podCidr }, used).includes(subnet));
  const needed = link.mtu - fits + IPV6_MIN_MTU;
  const carriesNothing = missing.length === podCidr.length;
  const raise = `raise the MTU of ${link.name}: IPv6 inside needs ${needed}`;
  if (used < IPV4_MIN_MTU) {
    return [
      bad('mtu', `only ${used} bytes are left inside, IPv4 needs ${IPV4_MIN_MTU}`, `raise the MTU of ${link.name}`),
    ];
  }
  const size =
    used > fits
      ? warn('mtu', `mtu ${used} is more than ${link.name} carries`, `set mtu to ${fits} or less, or leave it out`)
      : ok('mtu', `packets of ${used} bytes inside, ${link.mtu} outside`);
  if (missing.length === 0) return [size];
  const text = `IPv6 inside is off: it needs ${IPV6_MIN_MTU} bytes, and there are ${used}`;
  const mend = config.mtu !== undefined && fits >= IPV6_MIN_MTU ? `set mtu to ${IPV6_MIN_MTU} or more` : raise;
  return [size, carriesNothing ? bad('mtu', `${text}; nothing would be carried`, mend) : warn('mtu', text, mend)];
}

function port(config: PlacedConfig, facts: MachineFacts): Finding[] {
  const { port } = config.vxlan;
  const mend = `see who holds it ('ss -ulpn sport = :${port}', 'ip -d link show type vxlan'), or set vxlan.port on all nodes`;
  return config.underlay.flatMap((address, i) =>
    portFindings('port', facts, { address, port }, 'UDP', facts.kept ? 'ok' : facts.bind[i], mend),
  );
}

/** @param mend what to do where it is taken */
function portFindings(
  subject: string,
  facts: MachineFacts,
  at: Endpoint,
  protocol: 'UDP' | 'TCP',
  bind: string,
  mend: string,
): Finding[] {
  const where = `${protocol} ${formatAddress(at.address)} port ${at.port}`;
  if (facts.agentRuns) return [ok(subject, `${where} is held by the podwire that runs`)];
  if (bind === 'ok') return [ok(subject, `${where} is free`)];
  if (bind === 'EADDRINUSE') return [bad(subject, `${where} is taken`, mend)];
  // The underlay's finding says it already.
  if (bind === 'EADDRNOTAVAIL' && interfaceWith(at.address, facts) === undefined) return [];
  return [
    bad(subject, `${where} cannot be bound (${bind})`, 'see whether the address is tentative or a policy forbids it'),
  ];
}

/** What joining, or being joined, needs. */
function gossip(config: PlacedConfig, facts: MachineFacts): Finding[] {
  if (!gossips(config)) return [];
  return [...gossipPorts(config, facts), ...joins(facts), ...key(config, facts)];
}

function gossipPorts(config: PlacedConfig, facts: MachineFacts): Finding[] {
  const { port } = config.gossip;
  const mend = (flag: string) =>
    `see who holds it ('ss -${flag}lpn sport = :${port}'), or set gossip.port on this node`;
  return config.underlay.flatMap((address, i) => {
    const { udp, tcp } = facts.gossipBind?.[i] ?? { udp: 'ok', tcp: 'ok' };
    return [
      ...portFindings('gossip', facts, { address, port }, 'UDP', udp, mend('u')),
      ...portFindings('gossip', facts, { address, port }, 'TCP', tcp, mend('t')),
    ];
  });
}

/** A node goes on asking: one that is not reached now may be later. */
function joins({ joins }: MachineFacts): Finding[] {
  return joins.map(({ to, from, answers, problem }) => {
    const seed = formatSeed(to);
    if (problem !== undefined) return warn('join', problem, 'see whether the name is right, and name servers answer');
    if (from.length === 0)
      return warn('join', `there is no route to ${seed}`, 'add one, or join a node that is reached');
    if (answers) return ok('join', `${seed} is reached from ${underlayText(from)}`);
    const silent = `${seed} does not answer on TCP, asked from ${underlayText(from)}`;
    return warn('join', silent, `see whether podwire is up there, and whether TCP and UDP port ${to.port} are let in`);
  });
}

function key({ gossip }: PlacedConfig, { keyProblem }: MachineFacts): Finding[] {
  if (keyProblem !== undefined) {
    return [bad('gossip', keyProblem, 'mend the file, or name another with gossip.keyFile')];
  }
  if (!gossip.insecure) return [ok('gossip', 'the key file holds keys, and only its owner may read it')];
  const risk = 'gossip is insecure: whoever reaches the port may join, and take over the pods of others';
  return [warn('gossip', risk, 'make a key with podwire key new, and name it in gossip.keyFile on all nodes')];
}

function device(config: PlacedConfig, facts: MachineFacts): Finding[] {
  const exists = facts.interfaces.some((link) => link.name === config.device);
  if (!exists) return [ok('device', `the name ${config.device} is free`)];
  if (facts.agentRuns) return [ok('device', `${config.device} belongs to the podwire that runs`)];
  if (facts.kept) return [ok('device', `${config.device} is kept for the next podwire, with what waits in it`)];
  return [
    bad('device', `there is a device ${config.device} already`, 'choose another name with --device, or remove it'),
  ];
}

/** Whatever uses addresses of the cluster range, beside our own pod subnet, and is not ours. */
function overlaps(config: PlacedConfig, facts: MachineFacts): Finding[] {
  const inCluster = (prefix: Prefix) => config.clusterCidr.some((range) => prefixesOverlap(range, prefix));
  const inOwnSubnet = (prefix: Prefix) => config.podCidr.some((subnet) => within(prefix, subnet));
  // Pods outlive their agent, and the gateway's addresses with them; a node of gossip does not know its subnet yet.
  const ours = facts.routes.filter(({ protocol }) => protocol === String(PROTOCOL)).map(({ device }) => device);
  const leading = new Set([config.device, BRIDGE, ...ours]);
  const addresses = facts.interfaces
    .filter((link) => !leading.has(link.name))
    .flatMap((link) => link.addresses.map((prefix) => ({ link, prefix })))
    .filter(({ prefix }) => inCluster(prefix) && !inOwnSubnet(prefix))
    .map(({ link, prefix }) =>
      bad(
        'addresses',
        `${formatAddress(prefix)} on ${link.name} lies in the cluster range`,
        'remove it, or choose another clusterCidr on all nodes',
      ),
    );
  const routes = facts.routes
    .filter((route) => route.protocol !== String(PROTOCOL))
    // The kernel makes one for each address: where the address may be, its route may.
    .filter((route) => !(route.protocol === 'kernel' && leading.has(route.device)))
    .filter((route) => inCluster(route.destination) && !inOwnSubnet(route.destination))
    .flatMap((route) => overlappingRoute(config, route));
  const found = [...addresses, ...routes];
  return found.length > 0 ? found : [ok('addresses', 'nothing else uses the cluster range')];
}

function overlappingRoute(config: PlacedConfig, route: ActualRoute): Finding[] {
  const text = `the route ${formatPrefix(route.destination)} to ${route.device ?? route.type} (proto ${route.protocol})`;
  if (config.clusterCidr.some((range) => samePrefix(range, route.destination))) {
    return [bad('routes', `${text} is in the place of ours`, 'remove it, or choose another clusterCidr on all nodes')];
  }
  // A wider route gives way to ours; a narrower one takes its part of the pods away from us.
  if (!config.clusterCidr.some((range) => within(route.destination, range))) return [];
  return [
    warn(
      'routes',
      `${text} goes before ours: pods there are not reached through podwire`,
      'remove it, if it is not meant',
    ),
  ];
}

function reversePath(config: PlacedConfig, facts: MachineFacts): Finding[] {
  const { rpFilter } = facts;
  // There is no such filter for IPv6.
  const outer = addressIn(config.underlay, 4);
  const hurting = reversePaths(facts, (outer && interfaceWith(outer, facts)?.name) ?? '');
  if (hurting.length > 0) return hurting;
  const subject = 'rp_filter';
  // The kernel takes the larger of `all` and the device's own.
  const strict = Math.max(rpFilter.all, rpFilter.default) === 1;
  if (rpFilter.writable || !strict) return [ok(subject, `loose on ${config.device} (all: ${rpFilter.all})`)];
  return [
    bad(
      subject,
      '/proc/sys is read-only and new devices filter strictly: answers from underlay addresses would be lost',
      "'sysctl -w net.ipv4.conf.default.rp_filter=2' outside the container, or mount /proc/sys writable",
    ),
  ];
}

function forwarding(config: PlacedConfig, facts: MachineFacts): Finding[] {
  const from = config.podCidr.length > 0 ? 'podCidr' : 'clusterCidr';
  return podRanges(config).map(({ family }) => {
    const [on, key] =
      family === 4
        ? [facts.forwarding.ipv4, 'net.ipv4.ip_forward']
        : [facts.forwarding.ipv6, 'net.ipv6.conf.all.forwarding'];
    if (on === undefined)
      return bad('forwarding', `this kernel has no IPv${family}`, `leave IPv${family} out of ${from}`);
    if (on) return ok('forwarding', `IPv${family} is forwarded`);
    return warn('forwarding', `${key} is 0: pods reach no further than this machine`, `'sysctl -w ${key}=1'`);
  });
}

function limits(config: PlacedConfig, facts: MachineFacts): Finding[] {
  const findings: Finding[] = [];
  const files = config.workers * FILES_PER_WORKER + 128;
  if (facts.openFiles < files) {
    findings.push(
      warn('limits', `only ${facts.openFiles} files may be open`, `'ulimit -n ${files}', LimitNOFILE in systemd`),
    );
  }
  // With CAP_NET_ADMIN the sockets take what they need.
  if (!facts.netAdmin && Math.min(facts.socketBuffer.receive, facts.socketBuffer.send) < GOOD_SOCKET_BUFFER) {
    const size = `net.core.rmem_max=${GOOD_SOCKET_BUFFER} net.core.wmem_max=${GOOD_SOCKET_BUFFER}`;
    findings.push(warn('limits', 'socket buffers are small: bursts will be lost', `'sysctl -w ${size}'`));
  }
  const { conntrack } = facts;
  if (conntrack !== undefined && conntrack.count > 0.9 * conntrack.max) {
    findings.push(
      warn(
        'limits',
        `connection tracking is nearly full (${conntrack.count} of ${conntrack.max}): new connections are dropped then`,
        `'sysctl -w net.netfilter.nf_conntrack_max=${2 * conntrack.max}', or leave UDP port ${config.vxlan.port} untracked`,
      ),
    );
  }
  return findings.length > 0 ? findings : [ok('limits', `${facts.openFiles} open files`)];
}

/** Peers that are not told our MAC derive it from our name. */
function mac(config: PlacedConfig, facts: MachineFacts): Finding[] {
  const derived = formatMac(macFromName(config.node));
  if (facts.keptMac === undefined || facts.keptMac === derived) return [ok('mac', derived)];
  return [
    warn(
      'mac',
      `${facts.keptMac} is kept in ${config.stateDir}, but peers derive ${derived} from the name ${config.node}`,
      `give the peers 'mac: ${facts.keptMac}' for this node, or delete ${config.stateDir}/mac`,
    ),
  ];
}

/** Our own subnets; while there are none, the ranges that they are claimed from, which are of the same families. */
function podRanges({ podCidr, clusterCidr }: PlacedConfig): readonly Prefix[] {
  return podCidr.length > 0 ? podCidr : clusterCidr;
}

function interfaceWith(address: Address, facts: MachineFacts): InterfaceFacts | undefined {
  return facts.interfaces.find((link) => link.addresses.some((own) => prefixContains(own, address)));
}

/** Is `inner` the same as `outer`, or a part of it? */
function within(inner: Prefix, outer: Prefix): boolean {
  return inner.length >= outer.length && prefixContains(outer, inner);
}
