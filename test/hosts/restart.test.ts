/** The agent goes and comes while pods talk: what is established goes on, and hardly a packet is lost. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { Lab } from '../../src/lab/lab.js';
import { gossipConfig, type PodwireOptions, type RunningPodwire } from '../../src/lab/podwire.js';
import { ask, hasProgram, startDatagramEcho, startEcho, startSteady, transfer } from '../../src/lab/tools.js';
import { isAlive } from '../../src/os/processes.js';
import { kernelState } from './cli.js';
import { cni } from './cni.js';
import { koffiSkip, labSkip } from './lab.js';
import { DURATION, ended, kept, MOST_LOST, PER_SECOND, podsOn } from './restarting.js';

const skip = labSkip() || (hasProgram('nft') ? false : 'needs nft (nftables)');

/** Ends the agent in its way and brings another. */
type Way = (node: RunningPodwire, start: (args?: string[]) => Promise<RunningPodwire>) => Promise<RunningPodwire>;

const signalled =
  (signal: NodeJS.Signals): Way =>
  async (node, start) => {
    const gone = ended(node);
    node.process.kill(signal);
    await gone;
    return start();
  };

const takeover: Way = async (node, start) => {
  const gone = ended(node);
  const next = await start(['--takeover']);
  await gone;
  return next;
};

const CASES: readonly { title: string; way: Way; gossip: boolean; native: 'on' | 'off'; workers?: number }[] = [
  { title: 'SIGTERM', way: signalled('SIGTERM'), gossip: true, native: 'on' },
  { title: 'SIGKILL', way: signalled('SIGKILL'), gossip: true, native: 'on', workers: 2 },
  { title: 'SIGKILL', way: signalled('SIGKILL'), gossip: false, native: 'off' },
  { title: 'takeover', way: takeover, gossip: true, native: 'on' },
  { title: 'takeover', way: takeover, gossip: false, native: 'off', workers: 2 },
];

for (const [i, { title, way, gossip, native, workers = 1 }] of CASES.entries()) {
  const how = `${gossip ? 'gossip' : 'static peers'}, ${workers} workers, native ${native}`;
  t.test(`${title}, ${how}: pods hardly notice`, { skip: skip || (native === 'off' && koffiSkip()) }, async (t) => {
    const lab = await Lab.create({ name: `restart${i}`, hosts: 2, pods: 0 });
    t.teardown(() => lab.destroy());
    const [alpha, bravo] = lab.hosts;
    const before = await kernelState(lab, alpha);
    const options = (host: typeof alpha): PodwireOptions => ({
      config: { ...(gossip && gossipConfig(lab, host)), workers },
      env: { PODWIRE_NATIVE: native },
    });
    const first = await lab.startPodwire(alpha, options(alpha));
    const other = await lab.startPodwire(bravo, options(bravo));
    const { pods, containers: spaces } = await podsOn(lab, [first, other]);
    const [from, to] = pods;
    await Promise.all([startEcho(lab, to), startDatagramEcho(lab, to)]);
    // A cluster has told everybody of everybody when this is answered.
    while ((await ask(lab, from, to.addresses)).some(({ seen }) => seen === ''));

    const flow = await startSteady(lab, from, to.addresses[0], PER_SECOND, DURATION);
    const moved = transfer(lab, from, to, 6, DURATION);
    await delay(DURATION / 5);
    const second = await way(first, (args = []) => lab.startPodwire(alpha, { ...options(alpha), args }));
    const { sent, lost, longestGapMs } = await flow.report;
    t.comment(
      `${lost} of ${sent} lost, none for ${longestGapMs.toFixed(0)} ms; ready in ${second.readyMs.toFixed(0)} ms`,
    );
    t.match(second.log(), /took over the device and its queues/);
    t.ok(lost <= MOST_LOST, `${lost} of ${sent} datagrams lost`);
    t.match(await moved, { intact: true }, 'an established connection goes on, and every byte arrives once');
    const seen = (await ask(lab, from, to.addresses)).map((answer) => answer.seen);
    t.same(seen, from.addresses, 'and new ones are made');

    const { keeper } = kept(lab, second);
    t.equal((await cni(lab, second, 'DEL', spaces[0])).code, 0);
    t.equal((await second.stop()).code, 0);
    t.notOk(isAlive(keeper), 'nobody keeps anything after a true stop');
    t.equal(withoutLines(await kernelState(lab, alpha)), withoutLines(before), 'and nothing is left');
  });
}

/** The kernel counts on. */
function withoutLines(state: string): string {
  return state.replace(/^\d+: /gm, '').replace(/@if\d+/g, '');
}
