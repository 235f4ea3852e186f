/** All traffic between the pods: started, paused, and what has arrived of each flow. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../../src/lab/lab.js';
import type { LabHost } from '../../src/lab/plan.js';
import { PodwireError } from '../../src/wire/error.js';
import { type Flow, planFlows } from './flows.js';
import type { PodReport } from './pod.js';

/** Of all pods, by host's name. */
export type Reports = Readonly<Record<string, PodReport>>;

const PROGRAM = fileURLToPath(new URL('./pod.js', import.meta.url));

interface Pod {
  readonly host: LabHost;
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string, string | undefined>;
}

export class Traffic {
  readonly flows: readonly Flow[];
  readonly #lab: Lab;
  readonly #pods: Pod[] = [];
  /** Replies by flow's number. */
  readonly #pings = new Map<number, number>();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(lab: Lab) {
    this.#lab = lab;
    this.flows = planFlows(lab.hosts);
  }

  /** It waits for `resume`. */
  static async start(lab: Lab): Promise<Traffic> {
    const traffic = new Traffic(lab);
    for (const host of lab.hosts) traffic.#pods.push(await traffic.#startPod(host));
    for (const flow of traffic.flows) if (flow.kind === 'ping') traffic.#ping(flow);
    return traffic;
  }

  /** A process that lives in the pod as long as the lab. */
  pidAt(host: LabHost): number | undefined {
    return this.#pods.find((pod) => pod.host === host)?.child.pid;
  }

  pause(): Promise<Reports> {
    return this.#tell('pause');
  }

  resume(): Promise<Reports> {
    return this.#tell('resume');
  }

  report(): Promise<Reports> {
    return this.#tell('report');
  }

  /** How much of each flow has arrived, in its own unit; in the order of the flows. */
  async arrived(): Promise<number[]> {
    const reports = await this.report();
    return this.flows.map((flow) => {
      if (flow.kind === 'ping') return this.#pings.get(flow.id) ?? 0;
      const { tcp, udp } = reports[flow.to];
      return (flow.kind === 'tcp' ? tcp[flow.id] : udp[flow.id]?.received) ?? 0;
    });
  }

  /** One command at a time: an answer is the next line. */
  #tell(command: string): Promise<Reports> {
    const answers = this.#turn.then(async () => {
      const parts = this.#pods.map(async ({ host, child, lines }) => {
        child.stdin?.write(`${command}\n`);
        const { value } = await lines.next();
        if (value === undefined) throw new PodwireError('MACHINE', `the traffic of ${host.name} has ended`);
        return [host.name, JSON.parse(value) as PodReport] as const;
      });
      return Object.fromEntries(await Promise.all(parts));
    });
    this.#turn = answers.catch(() => {});
    return answers;
  }

  async #startPod(host: LabHost): Promise<Pod> {
    const flows = this.flows.filter(({ from }) => from === host.name);
    const child = this.#lab.spawn(host.pods[0], [process.execPath, PROGRAM, JSON.stringify(flows)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (!child.stdout) throw new PodwireError('INTERNAL', 'a program without an output to watch');
    child.stdin?.on('error', () => {}); // it ended: its missing answer tells
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value } = await lines.next();
    if (value !== 'listening') throw new PodwireError('MACHINE', 'a program in the lab did not start');
    return { host, child, lines };
  }

  /** Two a second, as long as the lab. */
  #ping(flow: Flow): void {
    const pod = this.#lab.hosts.find(({ name }) => name === flow.from)?.pods[0];
    if (!pod) return;
    const child = this.#lab.spawn(pod, ['ping', '-n', '-i', '0.5', flow.address], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('bytes from')) this.#pings.set(flow.id, (this.#pings.get(flow.id) ?? 0) + 1);
    });
  }
}
