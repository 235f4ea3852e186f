/** Faults in a lab: begun, and undone. */
import type { Lab } from '../../src/lab/lab.js';
import { ipBatch } from '../../src/lab/namespaces.js';
import { PodwireError } from '../../src/wire/error.js';
import type { ChaosNode } from './node.js';
import { faultRules, NO_FAULT } from './rules.js';
import type { Round } from './schedule.js';

/** A table of routes for what a host with a narrow link sends. */
const NARROW = 77;
/** The slow way of a port takes so many bytes a second; what comes faster waits, and others overtake it. */
const SLOW_WAY = ['rate', '4mbit', 'burst', '1600', 'cburst', '1600', 'quantum', '1600'];
const FAST_WAY = ['rate', '10gbit', 'burst', '1m', 'cburst', '1m', 'quantum', '60000'];
/** Packets: at most 300 ms late. */
const SLOW_QUEUE = ['pfifo', 'limit', '100'];
const FAST_QUEUE = ['pfifo', 'limit', '10000'];

export class Faults {
  readonly #lab: Lab;
  readonly #nodes: readonly ChaosNode[];

  constructor(lab: Lab, nodes: readonly ChaosNode[]) {
    this.#lab = lab;
    this.#nodes = nodes;
  }

  /** Gives each of the router's ports its two ways. They stay: a queue that is deleted loses packets uncounted. */
  async prepare(): Promise<void> {
    for (const { name } of this.#lab.hosts) {
      await this.#tc('qdisc', 'add', 'dev', name, 'root', 'handle', '1:', 'htb', 'default', '1');
      await this.#tc('class', 'add', 'dev', name, 'parent', '1:', 'classid', '1:1', 'htb', ...FAST_WAY);
      await this.#tc('class', 'add', 'dev', name, 'parent', '1:', 'classid', '1:2', 'htb', ...SLOW_WAY);
      await this.#tc('qdisc', 'add', 'dev', name, 'parent', '1:1', 'handle', '11:', ...FAST_QUEUE);
      await this.#tc('qdisc', 'add', 'dev', name, 'parent', '1:2', 'handle', '12:', ...SLOW_QUEUE);
    }
  }

  /** Packets that the ports' queues have dropped so far. */
  async queueDrops(): Promise<number> {
    const all = JSON.parse(await this.#tc('-s', '-j', 'qdisc', 'show')) as { kind: string; drops?: number }[];
    return all.reduce((sum, { kind, drops = 0 }) => sum + (kind === 'htb' ? drops : 0), 0);
  }

  /** From its begin to its end. @param meanwhile is awaited for as long as the fault lasts, or longer */
  async run({ fault, lastsMs }: Round, meanwhile: (lastsMs: number) => Promise<void>): Promise<void> {
    const node = 'host' in fault ? this.#nodes.find(({ host }) => host.name === fault.host) : undefined;
    const rules = faultRules(fault, this.#lab.hosts);
    if (fault.kind === 'narrow') await this.#narrow(fault.host, fault.mtu);
    if (fault.kind === 'link-down') await this.#ip([`link set ${fault.host} down`]);
    if (fault.kind === 'freeze') node?.signal('SIGSTOP');
    if (fault.kind === 'stop') await node?.end('SIGTERM');
    if (fault.kind === 'kill') await node?.end('SIGKILL');
    if (rules.length > 0) await this.#nft(rules);

    await meanwhile(lastsMs);

    if (rules.length > 0) await this.#nft(NO_FAULT);
    if (fault.kind === 'narrow') await this.#wide(fault.host);
    if (fault.kind === 'link-down') await this.#ip([`link set ${fault.host} up`]);
    if (fault.kind === 'freeze') node?.signal('SIGCONT');
    if (fault.kind === 'stop' || fault.kind === 'kill') await node?.start();
  }

  /** Routes with a locked MTU bind what is forwarded: there and back. */
  #narrow(name: string, mtu: number): Promise<void> {
    const others = this.#lab.hosts.filter((host) => host.name !== name);
    return this.#ip([
      `route replace ${this.#subnet(name)} dev ${name} mtu lock ${mtu}`,
      ...others.map((host) => `route add ${this.#subnet(host.name)} dev ${host.name} mtu lock ${mtu} table ${NARROW}`),
      `rule add iif ${name} lookup ${NARROW} pref 5`,
    ]);
  }

  #wide(name: string): Promise<void> {
    return this.#ip([
      'rule del pref 5',
      `route flush table ${NARROW}`,
      `route replace ${this.#subnet(name)} dev ${name} proto kernel scope link src ${this.#host(name).router}`,
    ]);
  }

  #host(name: string) {
    const host = this.#lab.hosts.find((one) => one.name === name);
    if (!host) throw new PodwireError('INTERNAL', `no host ${name}`);
    return host;
  }

  #subnet(name: string): string {
    const { router, underlayLength } = this.#host(name);
    return `${router.replace(/\d+$/, '0')}/${underlayLength}`;
  }

  async #nft(lines: readonly string[]): Promise<void> {
    const { code, stderr } = await this.#lab.exec(this.#lab.router, ['nft', '-f', '-'], {
      input: `${lines.join('\n')}\n`,
    });
    if (code !== 0) throw new PodwireError('MACHINE', `nft in the router: ${stderr.trim()}`);
  }

  #ip(lines: readonly string[]): Promise<void> {
    return ipBatch(lines, '-n', this.#lab.router.namespace, '-4');
  }

  async #tc(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#lab.exec(this.#lab.router, ['tc', ...args]);
    if (code !== 0) throw new PodwireError('MACHINE', `tc ${args.join(' ')}: ${stderr.trim()}`);
    return stdout;
  }
}
