/** Gathers what `check` judges. Reads and tries only; what is missing is a fact, never an error. */
import { createSocket } from 'node:dgram';
import { access, constants, open, readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { gossips, type PlacedConfig, type Seed } from '../control/config/node-config.js';
import type { GossipBind, JoinFacts, MachineFacts } from '../control/machine-facts.js';
import { addressIn, FAMILIES, hasAddress, type Underlay } from '../core/underlay.js';
import { onNode } from '../pods/attachments.js';
import type { PodRecord } from '../pods/pod-record.js';
import { type Address, type Family, formatAddress, prefixContains, prefixesOverlap } from '../wire/address.js';
import { messageOf, PodwireError } from '../wire/error.js';
import { readFirewall } from './firewall.js';
import { besideQuestions, firewallQuestions, outsideQuestions } from './firewall-questions.js';
import { bridgedFamilies } from './forward-watch.js';
import { readHostPorts } from './host-ports.js';
import { ipQuery } from './ip-batch.js';
import { isKept } from './keeper.js';
import { readKeyFile } from './key-file.js';
import { findSystemCalls } from './native.js';
import { addressesOf, type IpInterface, type IpRoute, routesOf } from './observe.js';
import { connects, sourceTowards } from './own-address.js';
import { rememberedPods } from './pod-journal-file.js';
import { readOtherWays, readStealingRules, readXfrmPolicies } from './policy-routing.js';
import { SeedResolver } from './seed-resolver.js';
import { readSysctl } from './sysctl.js';
import { tryWrite } from './try-write.js';

const CAP_NET_ADMIN = 12n;
/** Looked at at most: one of many tells as much as all. */
const MOST_POD_DEVICES = 4;
const MOST_PEERS = 16;

/**
 * One look at the machine; nothing is changed. Ports and files are there for a moment only.
 * @param asksNodes nodes to join are connected to
 */
export async function gatherFacts(config: PlacedConfig, asksNodes = true): Promise<MachineFacts> {
  const network = await gatherNetwork(config);
  const pods = await rememberedPods(config.stateDir);
  const [
    settings,
    firewall,
    routing,
    netAdmin,
    tun,
    agentRuns,
    bind,
    gossipBind,
    joins,
    keyProblem,
    openFiles,
    keptMac,
    kept,
    hostPorts,
    writable,
  ] = await Promise.all([
    gatherSettings(config, network),
    gatherFirewall(config, network, pods.map(onNode)),
    gatherRouting(config, underlayDevices(config, network)),
    hasNetAdmin(),
    tunState(),
    answers(config.socket),
    Promise.all(config.underlay.map((address) => tryBind(address, config.vxlan.port))),
    gossips(config)
      ? Promise.all(config.underlay.map((address) => tryBindBoth(address, config.gossip.port)))
      : undefined,
    Promise.all(config.join.map((to) => joinFacts(to, config.underlay, asksNodes))),
    keyProblemOf(config.gossip.keyFile),
    openFilesLimit(),
    readText(join(config.stateDir, 'mac')),
    isKept(config.stateDir).catch(() => false),
    readHostPorts(pods),
    tryPlaces(config),
  ]);
  return {
    kernel: release(),
    ...network,
    ...settings,
    ...routing,
    firewall,
    hostPorts,
    netAdmin,
    tun,
    writable,
    systemCalls: systemCalls(),
    agentRuns,
    kept,
    bind,
    gossipBind,
    joins,
    keyProblem,
    openFiles,
    keptMac: keptMac?.trim(),
  };
}

type NetworkFacts = Pick<MachineFacts, 'ipProgram' | 'interfaces' | 'routes'>;

/** The device that holds our underlay address of a family. */
type UnderlayDevice = (family: Family) => string | undefined;

function underlayDevices({ underlay }: PlacedConfig, { interfaces }: NetworkFacts): UnderlayDevice {
  return (family) => {
    const address = addressIn(underlay, family);
    if (address === undefined) return undefined;
    return interfaces.find(({ addresses }) => addresses.some((own) => prefixContains(own, address)))?.name;
  };
}

/** Devices that lead to our own pods. */
function podDevices({ podCidr, device }: PlacedConfig, { routes }: NetworkFacts): string[] {
  const names = routes
    .filter(({ destination }) => podCidr.some((subnet) => prefixesOverlap(subnet, destination)))
    .flatMap((route) => (route.device === undefined || route.device === device ? [] : [route.device]));
  return [...new Set(names)].slice(0, MOST_POD_DEVICES);
}

/** What filters do to the node's packets, and to those of the pods that it has. */
async function gatherFirewall(
  config: PlacedConfig,
  network: NetworkFacts,
  pods: readonly PodRecord[],
): Promise<MachineFacts['firewall']> {
  const uplinks = underlayDevices(config, network);
  return readFirewall([
    ...firewallQuestions(config, uplinks, podDevices(config, network)),
    ...outsideQuestions(pods, uplinks),
    ...besideQuestions(pods, await bridgedFamilies()),
  ]);
}

/** Where packets of pods go besides the main table. */
async function gatherRouting(
  { podCidr, clusterCidr, peers, join }: PlacedConfig,
  device: UnderlayDevice,
): Promise<Pick<MachineFacts, 'otherWays' | 'stealingRules' | 'xfrmPolicies'>> {
  const pods = podCidr.length > 0 ? podCidr : clusterCidr;
  const others = [
    ...peers.flatMap(({ underlay }) => underlay),
    ...join.flatMap((seed) => ('address' in seed ? seed.address : [])),
  ];
  const asked = others.slice(0, MOST_PEERS).map((peer) => ({ peer, text: formatAddress(peer) }));
  const [otherWays, stealingRules, xfrmPolicies] = await Promise.all([
    Promise.all(
      FAMILIES.map((family) =>
        readOtherWays(
          asked.filter(({ peer }) => peer.family === family),
          device(family),
        ),
      ),
    ),
    readStealingRules(pods, clusterCidr),
    readXfrmPolicies(pods, clusterCidr),
  ]);
  return { otherWays: otherWays.flat(), stealingRules, xfrmPolicies };
}

/** Interfaces and routes; with no `ip` there are none to be seen. @throws PodwireError TIMED_OUT */
async function gatherNetwork(config: PlacedConfig): Promise<NetworkFacts> {
  const answers = await ipQuery(['address show', 'route show table all']).catch((error) => {
    if (error instanceof PodwireError && error.code === 'TIMED_OUT') throw error;
    return undefined;
  });
  if (answers === undefined) return { ipProgram: false, interfaces: [], routes: [] };
  const [interfaces, routes] = answers as [IpInterface[] | undefined, IpRoute[] | undefined];
  return {
    ipProgram: true,
    interfaces: (interfaces ?? []).map((link) => ({
      name: link.ifname,
      up: link.flags.includes('UP'),
      mtu: link.mtu,
      addresses: addressesOf(link),
    })),
    routes: routesOf(routes ?? []).filter(
      ({ destination }) =>
        destination.length > 0 && config.clusterCidr.some((range) => prefixesOverlap(range, destination)),
    ),
  };
}

async function gatherSettings(
  config: PlacedConfig,
  network: NetworkFacts,
): Promise<
  Pick<MachineFacts, 'forwarding' | 'rpFilter' | 'conntrack' | 'socketBuffer' | 'ipv6Disabled' | 'invalidPackets'>
> {
  const outer = underlayDevices(config, network)(4);
  const paths = [
    'net/ipv4/ip_forward',
    'net/ipv6/conf/all/forwarding',
    'net/ipv4/conf/all/rp_filter',
    'net/ipv4/conf/default/rp_filter',
    'net/netfilter/nf_conntrack_count',
    'net/netfilter/nf_conntrack_max',
    'net/core/rmem_max',
    'net/core/wmem_max',
    `net/ipv6/conf/${config.device}/disable_ipv6`,
    ...(outer === undefined ? [] : [`net/ipv4/conf/${outer}/rp_filter`]),
  ];
  const [ipv4, ipv6, all, preset, count, max, receive, send, disabled, underlay] = await Promise.all(
    paths.map(readNumber),
  );
  const writable = await access('/proc/sys/net/ipv4/conf/all/rp_filter', constants.W_OK).then(
    () => true,
    () => false,
  );
  return {
    forwarding: {
      ipv4: ipv4 === undefined ? undefined : ipv4 !== 0,
      ipv6: ipv6 === undefined ? undefined : ipv6 !== 0,
    },
    rpFilter: { all: all ?? 0, default: preset ?? 0, writable, underlay },
    ipv6Disabled: disabled === undefined ? undefined : disabled !== 0,
    invalidPackets: invalidPackets((await readText('/proc/self/net/stat/nf_conntrack')) ?? ''),
    conntrack: count === undefined || max === undefined ? undefined : { count, max },
    // Not every network namespace shows these: then they are not known to be small.
    socketBuffer: { receive: receive ?? Number.MAX_SAFE_INTEGER, send: send ?? Number.MAX_SAFE_INTEGER },
  };
}

/** A row of hexadecimal numbers for each processor below a row of names. */
export function invalidPackets(text: string): number {
  const [names = [], ...rows] = text.split('\n').map((line) => line.trim().split(/\s+/));
  const column = names.indexOf('invalid');
  if (column === -1) return 0;
  return rows.reduce((sum, row) => sum + (Number.parseInt(row[column] ?? '0', 16) || 0), 0);
}

/** The effective capabilities, a mask in hexadecimal: `CapEff:	000001ffffffffff`. */
async function hasNetAdmin(): Promise<boolean> {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec((await readText('/proc/self/status')) ?? '')?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}

async function tunState(): Promise<MachineFacts['tun']> {
  try {
    const handle = await open('/dev/net/tun', 'r+');
    await handle.close();
    return 'ok';
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'EACCES' || code === 'EPERM' ? 'denied' : 'missing';
  }
}

/** An addon that is there and does not load is no reason to fall back, so nothing makes the calls then. */
function systemCalls(): MachineFacts['systemCalls'] {
  try {
    const found = findSystemCalls();
    return found.by === 'addon' ? { by: 'addon' } : { by: found.by, problem: found.problem, cure: found.cure };
  } catch (error) {
    return { by: 'none', problem: messageOf(error), cure: "run 'npm rebuild'" };
  }
}

async function tryPlaces({ stateDir, socket }: PlacedConfig): Promise<MachineFacts['writable']> {
  const [state, api] = await Promise.all([tryWrite(stateDir, true), tryWrite(dirname(socket), false)]);
  return { stateDir: state, socket: api };
}

/** Does somebody listen on this Unix socket? A file that a dead process left refuses. */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.on('connect', () => {
      connection.destroy();
      resolve(true);
    });
    // EAGAIN: its queue is full, so somebody holds it.
    connection.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EAGAIN'));
  });
}

/** @param own a node that is told to join itself does not listen yet */
async function joinFacts(to: Seed, own: Underlay, asks: boolean): Promise<JoinFacts> {
  let problem: string | undefined;
  const resolver = new SeedResolver({
    onFailure: (words) => {
      problem = words;
    },
  });
  const asked = await Promise.all(
    (await resolver.resolve(to)).slice(0, MOST_PEERS).map(async (seed) => {
      const source = await sourceTowards(seed);
      return source && { source, answers: hasAddress(own, seed.address) || (asks && (await connects(seed, source))) };
    }),
  );
  const ways = asked.filter((way) => way !== undefined);
  const answering = ways.filter(({ answers }) => answers);
  const from = (answering.length > 0 ? answering : ways).map(({ source }) => source);
  return { to, from, answers: answering.length > 0, ...(problem !== undefined && { problem }) };
}

/** Takes the underlay address and a UDP port, and gives them back. */
function tryBind(underlay: Address, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(underlay.family === 4 ? 'udp4' : 'udp6');
    socket.on('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? error.message);
    });
    socket.bind({ address: formatAddress(underlay), port, exclusive: true }, () => {
      socket.close(() => resolve('ok'));
    });
  });
}

/** The same for UDP and TCP. */
async function tryBindBoth(underlay: Address, port: number): Promise<GossipBind> {
  const [udp, tcp] = await Promise.all([tryBind(underlay, port), tryListen(underlay, port)]);
  return { udp, tcp };
}

function tryListen(underlay: Address, port: number): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host: formatAddress(underlay), port, exclusive: true }, () => server.close(() => resolve('ok')));
  });
}

async function keyProblemOf(keyFile: string | undefined): Promise<string | undefined> {
  if (keyFile === undefined) return undefined;
  return readKeyFile(keyFile).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** `Max open files            1024                 4096                 files`: the soft limit, the first one. */
async function openFilesLimit(): Promise<number> {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec((await readText('/proc/self/limits')) ?? '')?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
}

async function readNumber(path: string): Promise<number | undefined> {
  const text = await readSysctl(path);
  return text === undefined ? undefined : Number(text);
}

async function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
