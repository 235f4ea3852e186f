/**
 * `podwire demo`: three hosts on three subnets, on this machine, behind a router that passes only IP from each host's own
 * address. Told in the order of events: first pods cannot reach each other, then podwire runs and its CNI plugin gives each pod
 * its interface, then they can.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../../api/client.js';
import { Lab } from '../../lab/lab.js';
import type { LabHost, Place } from '../../lab/plan.js';
import { gossipConfig, type RunningPodwire } from '../../lab/podwire.js';
import { ensurePrivileges, inUserNamespace } from '../../lab/privileges.js';
import { ask, hasProgram, ping, startEcho, transfer } from '../../lab/tools.js';
import { loadNative } from '../../os/native.js';
import { PodwireError } from '../../wire/error.js';
import { type Probe, pingAll } from './matrix.js';
import { plugIn, unplug } from './pods.js';
import type { AddressReport, DemoReport } from './report.js';
import { pad, Screen } from './screen.js';

const TRANSFER_MS = 2_000;
/** How long the nodes may take to find each other. */
const MEET_MS = 5_000;

export interface DemoOptions {
  /** Print one JSON object (`DemoReport`) instead of the story. */
  readonly json: boolean;
  /** Leave the lab and the agents running, and say how to enter and remove them. */
  readonly keep: boolean;
}

/**
 * Runs the demo and cleans up, whatever happens.
 * @returns exit code: 0 if all went as it must, else 1
 * @throws PodwireError MACHINE or NO_ADDON before anything is made, if the machine or the user cannot
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  loadNative();
  await ensurePrivileges();
  if (options.keep && inUserNamespace()) {
    throw new PodwireError('MACHINE', '--keep needs root: nobody could enter the lab of a user namespace');
  }
  for (const program of ['ip', 'nsenter']) {
    if (!hasProgram(program)) throw new PodwireError('MACHINE', `the program ${program} is not installed`);
  }
  const started = performance.now();
  const screen = new Screen(options.json ? undefined : process.stdout);
  const pods = hasProgram('nft') ? 'podwire-cni' : 'by hand';
  const by = hasProgram('ping') ? 'ping' : 'tcp';
  const report: DemoReport = { ok: false, hosts: [], pods, probe: by, matrix: [], addresses: [], ms: 0 };
  const lab = await Lab.create({ name: 'demo', hosts: 3 });
  const probe: Probe = (from, to) => (by === 'ping' ? ping(lab, from, to) : connect(lab, from, to));
  let keep = options.keep;
  try {
    await tell({ lab, probe, report, screen }, performance.now() - started);
  } catch (error) {
    keep = false;
    if (!(error instanceof PodwireError)) throw error;
    report.error = error.message;
  } finally {
    if (!keep) await lab.destroy();
  }
  report.ms = performance.now() - started;
  sayVerdict(report, screen);
  if (options.json) console.log(JSON.stringify(report));
  if (keep) sayKept(lab, lab.keep(), options.json ? process.stderr : process.stdout);
  return report.ok ? 0 : 1;
}

/** What is told of, by whom it is tried, where it is written down, and where it is told. */
interface Story {
  readonly lab: Lab;
  readonly probe: Probe;
  readonly report: DemoReport;
  readonly screen: Screen;
}

async function tell(story: Story, builtMs: number): Promise<void> {
  await tellHosts(story, builtMs);
  await tellWithout(story);
  const running = await tellStart(story);
  const placed = await tellPods(story, running);
  await tellPings(story, placed);
  await tellAddresses(story, placed);
  await tellTransfer(story, placed);
  story.report.ok = allWell(story.report);
  if (!story.report.ok) sayLogs(running, story.screen);
}

async function tellHosts({ lab, report, screen }: Story, builtMs: number): Promise<void> {
  screen.line(
    screen.style('bold', `1  Three hosts on three subnets, a pod on each, made by hand (${seconds(builtMs)})`),
  );
  for (const host of lab.hosts) {
    const pod = host.pods[0].addresses;
    report.hosts.push({ name: host.name, underlay: host.underlay, pod });
    screen.line(`   ${pad(host.name, 10)}${pad(`${host.underlay}/${host.underlayLength}`, 18)}pod ${pod.join(', ')}`);
  }
  screen.line("   Between them a router that passes nothing but IP from each host's own address.");
  const servers = lab.hosts.flatMap<Place>((host) => (report.probe === 'ping' ? host.pods : [host, ...host.pods]));
  await Promise.all(servers.map((place) => startEcho(lab, place)));
}

async function tellWithout({ lab, probe, report, screen }: Story): Promise<void> {
  screen.title('2  Without podwire');
  report.without = await tryWithout(lab, probe);
  const { hosts, pods, refused } = report.without;
  screen.line(
    `   ${screen.mark(hosts.answered === hosts.attempts)} hosts reach hosts: ${hosts.answered} of ${hosts.attempts}`,
  );
  screen.line(
    `   ${screen.mark(pods.answered === 0)} pods do not reach pods: ${pods.answered} of ${pods.attempts} answered; ` +
      `the router refused ${refused} packets`,
  );
}

async function tellStart({ lab, report, screen }: Story): Promise<RunningPodwire[]> {
  screen.title('3  podwire up on each host, with one key and one address to join');
  if (report.pods === 'podwire-cni') await Promise.all(lab.hosts.map((host) => unplug(lab, host)));
  const running = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host, { config: joining(lab, host) })));
  for (const [index, { host, readyMs }] of running.entries()) {
    report.hosts[index].readyMs = readyMs;
    screen.line(`   ${screen.mark(true)} ${pad(host.name, 10)}ready in ${seconds(readyMs)}`);
  }
  const meetMs = await untilAllMeet(running);
  if (meetMs !== undefined) report.meetMs = meetMs;
  screen.line(
    `   ${screen.mark(meetMs !== undefined)} ` +
      (meetMs === undefined ? 'not every node has found the others' : `all found each other ${seconds(meetMs)} later`),
  );
  return running;
}

/** @returns the hosts with the addresses that their pods have got */
async function tellPods(
  { lab, report, screen }: Story,
  running: readonly RunningPodwire[],
): Promise<readonly LabHost[]> {
  if (report.pods === 'by hand') {
    screen.line('   (No nft program here: the pods stay as they are, made by hand and not by the CNI plugin.)');
    return lab.hosts;
  }
  const attached = await Promise.all(running.map((node) => plugIn(lab, node)));
  for (const [index, { host, ms }] of attached.entries()) {
    const [{ name, addresses }] = host.pods;
    Object.assign(report.hosts[index], { pod: addresses, attachMs: ms });
    screen.line(
      `   ${screen.mark(true)} podwire-cni ADD  ${pad(name, 15)}has ${addresses.join(', ')} (${Math.round(ms)} ms)`,
    );
  }
  return attached.map(({ host }) => host);
}

async function tellPings({ probe, report, screen }: Story, placed: readonly LabHost[]): Promise<void> {
  screen.title(`4  Every node and every pod ${report.probe === 'ping' ? 'pings' : 'connects to'} every pod elsewhere`);
  report.matrix = await pingAll(placed, probe, screen);
  if (report.probe === 'tcp')
    screen.line('   (No ping program here. The times are those of a TCP client more than of the network.)');
}

async function tellAddresses({ lab, report, screen }: Story, placed: readonly LabHost[]): Promise<void> {
  screen.title('5  Each pod sees the true address of who talks to it');
  report.addresses = await askAll(lab, placed);
  for (const { from, to, seen, ok } of report.addresses) {
    screen.line(`   ${screen.mark(ok)} ${pad(`${to} is asked by ${from}`, 36)}and sees ${seen || 'nobody'}`);
  }
}

async function tellTransfer({ lab, report, screen }: Story, placed: readonly LabHost[]): Promise<void> {
  const [from, to] = [placed[0].pods[0], placed[2].pods[0]];
  screen.title(`6  A TCP transfer from ${from.name} to ${to.name}`);
  const moved = await transfer(lab, from, to, 4, TRANSFER_MS);
  if (!moved) {
    screen.line(`   ${screen.mark(false)} it did not come to an end`);
    return;
  }
  report.transfer = { from: from.name, to: to.name, ...moved };
  const crc = moved.received.crc.toString(16).padStart(8, '0');
  screen.line(
    `   ${screen.mark(moved.intact)} ${(moved.received.bytes / 1e6).toFixed(0)} MB in ${seconds(moved.received.ms)}: ` +
      `${(moved.bitsPerSecond / 1e9).toFixed(2)} Gbit/s, CRC-32 ${moved.intact ? `the same at both ends, ${crc}` : 'DIFFERS'}`,
  );
}

/** Peers are found by gossip; the subnets are given, so that an address tells whose it is, by hand and by the plugin. */
function joining(lab: Lab, host: LabHost): Record<string, unknown> {
  return { ...gossipConfig(lab, host), podCidr: host.podCidr };
}

/** Waits until every node has all others as peers. @returns ms; undefined: it takes too long */
async function untilAllMeet(running: readonly RunningPodwire[]): Promise<number | undefined> {
  const started = performance.now();
  const clients = running.map(({ socket }) => new ApiClient(socket));
  while (performance.now() - started < MEET_MS) {
    const peers = await Promise.all(clients.map((client) => client.peers()));
    if (peers.every(({ length }) => length === running.length - 1)) return performance.now() - started;
    await delay(20);
  }
  return undefined;
}

/** Where there is no ping program: connects to the echo server there. */
async function connect(lab: Lab, from: Place, address: string): Promise<number | undefined> {
  const [answer] = await ask(lab, from, [address]);
  return answer.seen === '' ? undefined : answer.rttMs;
}

/** Hosts to hosts, which must work; pods to pods by the hosts' default routes, which must not. */
async function tryWithout(lab: Lab, probe: Probe): Promise<NonNullable<DemoReport['without']>> {
  const pairs = orderedPairs(lab.hosts);
  const answered = (tries: (number | undefined)[]) => ({
    attempts: tries.length,
    answered: tries.filter((rttMs) => rttMs !== undefined).length,
  });
  const hosts = answered(await Promise.all(pairs.map(([from, to]) => probe(from, to.underlay))));
  const before = await lab.routerCounters();
  const pods = answered(await Promise.all(pairs.map(([from, to]) => probe(from.pods[0], to.pods[0].addresses[0]))));
  const after = await lab.routerCounters();
  return { hosts, pods, refused: after.refused - before.refused };
}

/** Every pod asks every other which address it sees, over both families. */
async function askAll(lab: Lab, hosts: readonly LabHost[]): Promise<AddressReport[]> {
  const reports = orderedPairs(hosts).map(async ([asker, other]): Promise<AddressReport[]> => {
    const [from, to] = [asker.pods[0], other.pods[0]];
    const answers = await ask(lab, from, to.addresses);
    return answers.map(({ seen }, index) => ({
      from: from.name,
      to: to.name,
      family: index === 0 ? 4 : 6,
      own: from.addresses[index],
      seen,
      ok: seen === from.addresses[index],
    }));
  });
  return (await Promise.all(reports)).flat();
}

function orderedPairs(hosts: readonly LabHost[]): [LabHost, LabHost][] {
  return hosts.flatMap((from) => hosts.filter((to) => to !== from).map((to): [LabHost, LabHost] => [from, to]));
}

function allWell({ without, meetMs, matrix, addresses, transfer }: DemoReport): boolean {
  return (
    without !== undefined &&
    meetMs !== undefined &&
    without.hosts.answered === without.hosts.attempts &&
    without.pods.answered === 0 &&
    without.refused >= without.pods.attempts &&
    matrix.every((ping) => ping.rttMs !== null) &&
    addresses.every((address) => address.ok) &&
    transfer?.intact === true
  );
}

function sayLogs(running: readonly RunningPodwire[], screen: Screen): void {
  for (const { host, log } of running) {
    screen.title(`The last lines of podwire's log on ${host.name}`);
    for (const line of log().trimEnd().split('\n').slice(-10)) screen.line(`   ${line}`);
  }
}

function sayKept(lab: Lab, script: string, out: NodeJS.WriteStream): void {
  const [host] = lab.hosts;
  const program = process.argv[1].endsWith('.js') ? `node ${process.argv[1]}` : 'podwire';
  out.write(
    '\nThe lab is kept, podwire runs.\n' +
      `   enter a host       nsenter --net=/run/netns/${host.namespace}\n` +
      `   enter a pod        nsenter --net=/run/netns/${host.pods[0].namespace}\n` +
      `   ask podwire        ${program} members --config ${lab.directory}/${host.name}.json\n` +
      `   take all away      sh ${script}\n`,
  );
}

function sayVerdict(report: DemoReport, screen: Screen): void {
  const { ok, error, matrix, ms } = report;
  screen.line();
  if (error !== undefined) screen.line(`${screen.mark(false)} ${error}`);
  const answered = matrix.filter((ping) => ping.rttMs !== null).length;
  const verdict = ok ? 'every pod is reached at its own address, from everywhere' : 'not as it must be: see above';
  screen.line(
    `${screen.mark(ok)} ${screen.style('bold', verdict)}; ${answered} of ${matrix.length} pings, ${seconds(ms)}`,
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
