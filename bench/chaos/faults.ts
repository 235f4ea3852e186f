/** Faults in a lab: begun, and undone. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Lab } from '../../src/lab/lab.js';
import { ipBatch } from '../../src/lab/namespaces.js';
import { PodwireError } from '../../src/wire/error.js';
import type { ChaosNode } from './node.js';
import { faultRules, NO_FAULT } from './rules.js';
import type { Round } from './schedule.js';

/** A table of routes for what a host with a narrow link sends. */
const NARROW = 77;
/** What waits on the slow way has left by then, ms. */
const DRAIN = 1_500;

/** The slow way of a port: so many bytes a second go at once, the rest waits behind packets that came later. */
const SLOW_WAY = ['rate', '40mbit', 'burst', '3k', 'quantum', '1500'];
/** More than can ever wait: the slow way is late, and drops nothing. */
const SLOW_QUEUE = ['pfifo', 'limit', '100000'];

export class Faults {
  readonly #lab: Lab;
  readonly #nodes: readonly ChaosNode[];
  /** Packets that the slow way has dropped after all. */
  queueDrops = 0;

  constructor(lab: Lab, nodes: readonly ChaosNode[]) {
    this.#lab = lab;
    this.#nodes = nodes;
  }

  /** From its begin to its end. @param meanwhile is awaited for as long as the fault lasts, or longer */
  async run({ fault, lastsMs }: Round, meanwhile: (lastsMs: number) => Promise<void>): Promise<void> {
    const node = 'host' in fault ? this.#nodes.find(({ host }) => host.name === fault.host) : undefined;
    const rules = faultRules(fault, this.#lab.hosts);
    if (fault.kind === 'reordering') await this.#slowWay(fault.host);
    if (fault.kind === 'narrow') await this.#narrow(fault.host, fault.mtu);
    if (fault.kind === 'link-down') await this.#ip([`link set ${fault.host} down`]);
    if (fault.kind === 'freeze') node?.signal('SIGSTOP');
    if (fault.kind === 'stop') await node?.end('SIGTERM');
    if (fault.kind === 'kill') await node?.end('SIGKILL');
    if (rules.length > 0) await this.#nft(rules);

    await meanwhile(lastsMs);

    if (rules.length > 0) await this.#nft(NO_FAULT);
    if (fault.kind === 'reordering') await this.#noSlowWay(fault.host);
    if (fault.kind === 'narrow') await this.#wide(fault.host);
    if (fault.kind === 'link-down') await this.#ip([`link set ${fault.host} up`]);
    if (fault.kind === 'freeze') node?.signal('SIGCONT');
    if (fault.kind === 'stop' || fault.kind === 'kill') await node?.start();
  }

  async #slowWay(port: string): Promise<void> {
    await this.#tc('qdisc', 'add', 'dev', port, 'root', 'handle', '1:', 'htb', 'default', '1');
    const fast = ['rate', '10gbit', 'burst', '1m', 'quantum', '60000'];
    await this.#tc('class', 'add', 'dev', port, 'parent', '1:', 'classid', '1:1', 'htb', ...fast);
    await this.#tc('class', 'add', 'dev', port, 'parent', '1:', 'classid', '1:2', 'htb', ...SLOW_WAY);
    await this.#tc('qdisc', 'add', 'dev', port, 'parent', '1:1', 'handle', '11:', ...SLOW_QUEUE);
    await this.#tc('qdisc', 'add', 'dev', port, 'parent', '1:2', 'handle', '12:', ...SLOW_QUEUE);
  }

  /** What is deleted with packets in it would lose them uncounted. */
  async #noSlowWay(port: string): Promise<void> {
    await delay(DRAIN);
    const shown = await this.#tc('-s', 'qdisc', 'show', 'dev', port);
    const root = /qdisc htb .*\n.*\(dropped (\d+),[^\n]*\n\s*backlog \d+b? (\d+)p/.exec(shown);
    this.queueDrops += Number(root?.[1] ?? 0) + Number(root?.[2] ?? 0);
    await this.#tc('qdisc', 'del', 'dev', port, 'root');
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
