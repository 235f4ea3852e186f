/**
 * A lab: hosts and pods as network namespaces on this machine, behind a router that stands for the underlay. For the
 * demo, the end-to-end tests and the benchmarks. Needs `ip` (iproute2), `nsenter` (util-linux) and the rights to use them
 * (src/lab/privileges.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PodwireError } from '../wire/error.js';
import { host as hostLines, pod as podLines, settings } from './hosts.js';
import { disown, KEPT, labDirectory, own, removeLab, sweep } from './leftovers.js';
import { CABLE, links } from './links.js';
import { addNamespaces, configure, enter, ipBatch } from './namespaces.js';
import { type LabHost, type LabOptions, type LabPlan, type Place, places, planLab, routerOf } from './plan.js';
import { nodeConfig, type PodwireOptions, type RunningPodwire, startPodwire } from './podwire.js';
import { COUNTER_FILES, lan, type RouterCounters, routerCounters, router as routerLines } from './router.js';
import { environment, killGroup, mustRun, type RunOptions, type RunResult, run, type SpawnOptions } from './run.js';

export class Lab {
  readonly plan: LabPlan;
  /** Files of the lab's programs: configurations, sockets, state, logs. Hosts share the machine's file system. */
  readonly directory: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(plan: LabPlan) {
    this.plan = plan;
    this.directory = labDirectory(plan.prefix);
  }

  /**
   * Makes the hosts, their pods and the router, ready for packets. The lab goes with this process, whatever ends it.
   * @throws PodwireError MACHINE if the machine refuses; nothing is left
   */
  static async create(options: LabOptions): Promise<Lab> {
    sweep();
    const lab = new Lab(planLab(options, process.pid));
    own(lab.plan.prefix);
    try {
      mkdirSync(lab.directory, { mode: 0o700 });
      await lab.#build();
    } catch (error) {
      await lab.destroy();
      throw error;
    }
    return lab;
  }

  /** Takes away what labs of dead processes left behind. Returns what their names began with. */
  static sweep(): string[] {
    return sweep();
  }

  get hosts(): readonly LabHost[] {
    return this.plan.hosts;
  }

  get router(): Place {
    return this.plan.router;
  }

  /** The second router of a lab that was made with two. @throws PodwireError INTERNAL if it was not */
  get far(): Place {
    if (!this.plan.far) throw new PodwireError('INTERNAL', 'this lab has one router');
    return this.plan.far;
  }

  /** Few processes: all namespaces in one, all cables in one, then one for each place. */
  async #build(): Promise<void> {
    const { plan } = this;
    await addNamespaces(places(plan).map((place) => place.namespace));
    const routers = plan.far ? [plan.router, plan.far] : [plan.router];
    const forwarding = [...routers, ...plan.hosts];
    await Promise.all(places(plan).map((place) => configure(place.namespace, settings(forwarding.includes(place)))));
    await ipBatch(links(plan));
    if (plan.laboratory === 'cable') await this.#asCables();
    if (plan.sharedL2) await ipBatch(lan(plan), '-n', plan.router.namespace);
    await Promise.all([
      ...routers.flatMap((place) =>
        plan.families.map((family) => ipBatch(routerLines(plan, family, place), '-n', place.namespace, `-${family}`)),
      ),
      ...plan.hosts.map((host) => ipBatch(hostLines(host), '-n', host.namespace)),
      ...plan.hosts.flatMap((host) => host.pods.map((pod) => ipBatch(podLines(host, pod), '-n', pod.namespace))),
    ]);
  }

  async #asCables(): Promise<void> {
    await Promise.all(
      this.hosts.flatMap((host) => [
        mustRun(enter(host.namespace, ['ethtool', '-K', 'eth0', ...CABLE])),
        mustRun(enter(routerOf(this.plan, host).namespace, ['ethtool', '-K', host.name, ...CABLE])),
      ]),
    );
  }

  /** Runs a program at a place to its end; any exit code is a result. */
  exec(where: Place, argv: readonly string[], options?: RunOptions): Promise<RunResult> {
    return run(enter(where.namespace, argv), options, (child) => this.#track(child));
  }

  /** Starts a program at a place, in a process group of its own. It is killed with the lab. */
  spawn(where: Place, argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program, ...rest] = enter(where.namespace, argv);
    const child = spawn(program, rest, {
      detached: true,
      stdio: options.stdio ?? 'pipe',
      env: environment(options.env),
    });
    child.once('error', () => {}); // no nsenter: it shows as an exit
    return this.#track(child);
  }

  #track(child: ChildProcess): ChildProcess {
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    return child;
  }

  /** The router's counters since the lab was made. */
  async routerCounters(): Promise<RouterCounters> {
    return routerCounters(await mustRun(enter(this.router.namespace, ['cat', ...COUNTER_FILES])));
  }

  /** The configuration for `podwire up` on a host, as the file's content: all other hosts are its peers. */
  nodeConfig(host: LabHost): Record<string, unknown> {
    return nodeConfig(this, host);
  }

  /** Starts podwire on a host. @throws PodwireError MACHINE with its log if it does not get ready; then it is stopped */
  startPodwire(host: LabHost, options?: PodwireOptions): Promise<RunningPodwire> {
    return startPodwire(this, host, options);
  }

  /**
   * Leaves the lab and all that runs in it to the user; this process may end.
   * @returns path of a script that takes it away
   */
  keep(): string {
    disown(this.plan.prefix);
    for (const child of this.#children) {
      child.unref();
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    }
    writeFileSync(join(this.directory, KEPT), '');
    const script = join(this.directory, 'remove.sh');
    const names = places(this.plan).map((place) => place.namespace);
    writeFileSync(
      script,
      `#!/bin/sh\n# Takes away the lab: its processes, its namespaces, these files.\nfor n in ${names.join(' ')}; do\n` +
        '  ip netns pids "$n" | xargs -r kill -9\n  ip netns delete "$n"\ndone\n' +
        `rm -rf '${this.directory}'\n`,
    );
    chmodSync(script, 0o700);
    return script;
  }

  /** Kills every process in the lab, deletes its namespaces and files. May be called again. */
  async destroy(): Promise<void> {
    const ended = [...this.#children].map((child) => new Promise<void>((resolve) => child.once('close', resolve)));
    for (const child of this.#children) killGroup(child, 'SIGKILL');
    removeLab(this.plan.prefix);
    disown(this.plan.prefix);
    await Promise.all(ended);
  }
}
