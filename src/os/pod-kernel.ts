/**
 * What pods need of Linux: `ip` batches in the node's namespace and, entered by `nsenter`, in theirs, and transactions of
 * `nft`. Entering a namespace takes CAP_SYS_ADMIN, opening one of another's process CAP_SYS_PTRACE.
 */
import { existsSync } from 'node:fs';
import { readFile, stat, statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { DesiredSysctl } from '../control/desired-host.js';
import type { PodTraffic } from '../control/node-api.js';
import { CNI, CniError } from '../pods/cni/error.js';
import { GUARD_FAMILY, GUARD_TABLE } from '../pods/guard.js';
import type { NodeLink, PodInterface, PodKernel } from '../pods/kernel.js';
import { DIRECT_TABLE, directRoute, PREFERENCE, TABLE, type UnderlayRoutes } from '../pods/underlay-routes.js';
import { parseAddress, prefixOf } from '../wire/address.js';
import { ipBatch, ipQuery, parseFailures } from './ip-batch.js';
import type { IpInterface, IpRoute } from './observe.js';
import { podTraffic } from './pod-traffic.js';
import type { IpRule } from './policy-routing.js';
import type { run } from './run.js';
import { Shells } from './shells.js';
import { setSysctls } from './sysctl.js';

/** Programs that run for pods at a time. */
const AT_A_TIME = 4;

/** What namespaces are files of (linux/magic.h). */
const NSFS = 0x6e736673;

const IPV6_RULE = /^rule \w+ from \S*:/;

/** Settings that a kernel without IPv6, or a read-only /proc/sys, does not have are passed over. */
const SCRIPT = `while IFS='=' read -r path value; do
  [ -n "$path" ] || break
  if [ -w "/proc/sys/$path" ]; then echo "$value" > "/proc/sys/$path"; fi
done
exec ip "$@"`;

interface LinkDetails extends IpInterface {
  readonly ifindex: number;
  readonly address?: string;
  readonly master?: string;
  readonly link?: string;
  readonly ifalias?: string;
  readonly link_type: string;
  readonly linkinfo?: { readonly info_kind?: string };
}

const ASK = ['ip', '-json', '-force', '-batch', '-'];

/** How long until an answer is looked for, and between two looks at most, ms. */
const FIRST_LOOK = 4;
const LONGEST_PAUSE = 100;

interface Neighbour {
  readonly dst: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
}

export class LinuxPodKernel implements PodKernel {
  readonly ownNamespace = `/proc/${process.pid}/ns/net`;
  readonly #shells = new Shells(AT_A_TIME);
  readonly #runner: typeof run = (program, args, input) => this.#shells.run(program, args, input);
  readonly #transactions = new Transactions(this.#runner);

  close(): void {
    this.#shells.close();
  }

  async namespace(path: string): Promise<'there' | 'missing' | 'own'> {
    try {
      const [named, own, system] = await Promise.all([stat(path), stat(this.ownNamespace), statfs(path)]);
      // A name that was mounted elsewhere is an empty file here.
      if (system.type !== NSFS) return 'missing';
      return named.ino === own.ino && named.dev === own.dev ? 'own' : 'there';
    } catch {
      return 'missing';
    }
  }

  async node(lines: readonly string[]): Promise<void> {
    for (const [index, reason] of await ipBatch(lines, { runner: this.#runner })) throw refused(lines[index], reason);
  }

  async nodeForced(lines: readonly string[]): Promise<string[]> {
    const options = { force: true, runner: this.#runner };
    // `ip neigh` ends the whole batch where it fails: it comes last, and alone.
    const neighbours = lines.filter((line) => line.startsWith('neigh del '));
    const rules = lines.filter((line) => IPV6_RULE.test(line));
    const others = lines.filter((line) => !neighbours.includes(line) && !rules.includes(line));
    const failures = [await ipBatch(others, options), await ipBatch(rules, { ...options, ipv6: true })];
    for (const line of neighbours) await ipBatch([line], options).catch(() => undefined);
    return failures.flatMap((some) => [...some.values()]);
  }

  async pod(netns: string, sysctls: readonly DesiredSysctl[], lines: readonly string[]): Promise<void> {
    for (const [index, reason] of await this.#inside(netns, sysctls, lines, [])) throw refused(lines[index], reason);
  }

  async podForced(netns: string, lines: readonly string[]): Promise<string[]> {
    return [...(await this.#inside(netns, [], lines, ['-force'])).values()];
  }

  async #inside(netns: string, sysctls: readonly DesiredSysctl[], lines: readonly string[], flags: readonly string[]) {
    const input = [...sysctls.map(({ path, value }) => `${path}=${value}`), '', ...lines, ''].join('\n');
    const argv = [`--net=${netns}`, 'sh', '-c', SCRIPT, 'sh', ...flags, '-batch', '-'];
    const { code, stderr, failure } = await this.#runner('nsenter', argv, input);
    const failures = parseFailures(stderr);
    if (code === 0 || failures.size > 0) return failures;
    const why =
      failure === 'ENOENT' ? 'the program nsenter is not installed (util-linux)' : stderr.trim().split('\n')[0];
    throw new CniError(CNI.KERNEL, `the namespace ${netns} cannot be worked in: ${why}`);
  }

  settings(sysctls: readonly DesiredSysctl[]): Promise<void> {
    return setSysctls(sysctls);
  }

  filter(text: string): Promise<void> {
    return this.#transactions.apply(text);
  }

  async filterChain(family: string, table: string, chain: string): Promise<string | undefined> {
    const { code, stdout } = await this.#runner('nft', ['list', 'chain', family, table, chain]);
    return code === 0 ? stdout : undefined;
  }

  async filterTable(family: string, table: string): Promise<string | undefined> {
    const { code, stdout } = await this.#runner('nft', ['list', 'table', family, table]);
    return code === 0 ? stdout : undefined;
  }

  async links(name?: string): Promise<readonly NodeLink[]> {
    const lines = name === undefined ? ['address show', 'route show table all default'] : [`address show dev ${name}`];
    const [found, defaults] = await ipQuery(lines, ['-details'], this.#runner);
    const ways = (defaults ?? []) as IpRoute[];
    return ((found ?? []) as LinkDetails[]).map((link) => ({
      name: link.ifname,
      index: link.ifindex,
      kind: link.linkinfo?.info_kind ?? '',
      type: link.link_type,
      wireless: existsSync(`/sys/class/net/${link.ifname}/phy80211`),
      mac: link.address ?? '',
      mtu: link.mtu,
      up: link.flags.includes('UP'),
      ...(link.master !== undefined && { master: link.master }),
      ...(link.link !== undefined && { link: link.link }),
      ...(link.ifalias !== undefined && { alias: link.ifalias }),
      addresses: link.addr_info.flatMap(({ local }) => local ?? []),
      networks: link.addr_info.flatMap(({ local, prefixlen }) => (local === undefined ? [] : `${local}/${prefixlen}`)),
      gateways: ways.flatMap(({ dev, gateway }) => (dev === link.ifname ? (gateway ?? []) : [])),
    }));
  }

  async traffic(): Promise<ReadonlyMap<string, PodTraffic>> {
    const [devices, counters] = await Promise.all([
      readFile('/proc/self/net/dev', 'utf8'),
      this.#runner('nft', ['-j', 'list', 'counters', 'table', GUARD_FAMILY, GUARD_TABLE]),
    ]);
    return podTraffic(devices, counters.stdout);
  }

  async underlayRoutes(): Promise<UnderlayRoutes> {
    const lines = ['rule show', `route show table ${TABLE}`, `route show table ${DIRECT_TABLE}`];
    const found = await Promise.all(['-4', '-6'].map((family) => ipQuery(lines, [family], this.#runner)));
    const rules = found.flatMap(([some]) => (some ?? []) as IpRule[]);
    const routes = found.flatMap(([, some]) => (some ?? []) as IpRoute[]);
    const ours = rules.filter(({ priority, table }) => priority === PREFERENCE && table === String(TABLE));
    return {
      subnets: ours.flatMap(({ src, srclen }) => {
        const address = parseAddress(src ?? '');
        return address && srclen !== undefined ? prefixOf(address, srclen) : [];
      }),
      peers: routes.flatMap(({ dst }) => parseAddress(dst) ?? []),
      siblings: [...new Set(rules.flatMap(({ iif, table }) => (table === String(DIRECT_TABLE) ? (iif ?? []) : [])))],
      direct: found.flatMap(([, , some]) => ((some ?? []) as IpRoute[]).map(directRoute)),
    };
  }

  async interface(netns: string, ifname: string): Promise<PodInterface | undefined> {
    // `table all` means both families; routes of the main table name none.
    const lines = [`address show dev ${ifname}`, `route show table all dev ${ifname}`];
    const [[link] = [], routes = []] = await this.#ask(netns, lines);
    if (!link) return undefined;
    const { address = '', mtu, flags, addr_info } = link as LinkDetails;
    return {
      mac: address,
      mtu,
      up: flags.includes('UP'),
      addresses: addr_info.flatMap(({ local }) => (local === undefined || local.startsWith('fe80:') ? [] : local)),
      routes: (routes as IpRoute[]).filter(({ table }) => table === undefined).map(({ dst }) => dst),
    };
  }

  async whoHas(
    netns: string | undefined,
    device: string,
    addresses: readonly string[],
    patience: number,
  ): Promise<ReadonlyMap<string, string>> {
    const deadline = performance.now() + patience;
    const look = `neigh show dev ${device}`;
    const [remembered = []] = await this.#ask(netns, [look]);
    const old = new Set((remembered as Neighbour[]).flatMap(({ dst, lladdr }) => (lladdr === undefined ? [] : dst)));
    // The kernel asks as if there were something to send; what it knows it asks once more.
    const questions = addresses.map((address) =>
      old.has(address)
        ? `neigh change ${address} dev ${device} nud probe`
        : `neigh replace ${address} dev ${device} nud none use`,
    );
    await this.#ask(netns, questions);
    for (let pause = FIRST_LOOK; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      const left = deadline - performance.now();
      await delay(Math.max(0, Math.min(pause, left)));
      const [entries = []] = await this.#ask(netns, [look]);
      const known = new Map(
        (entries as Neighbour[]).flatMap(({ dst, lladdr, state }): [string, string][] => {
          const answered = lladdr !== undefined && (!old.has(dst) || state.includes('REACHABLE'));
          return answered && addresses.includes(dst) ? [[dst, lladdr]] : [];
        }),
      );
      if (left <= 0 || known.size === addresses.length) return known;
    }
  }

  /** One list for each line that was answered. */
  async #ask(netns: string | undefined, lines: readonly string[]): Promise<unknown[][]> {
    const [program, ...rest] = [...(netns === undefined ? [] : ['nsenter', `--net=${netns}`]), ...ASK];
    const { stdout } = await this.#runner(program, rest, `${lines.join('\n')}\n`);
    return stdout
      .split('\n')
      .filter((line) => line.startsWith('['))
      .map((line) => JSON.parse(line) as unknown[]);
  }
}

function refused(line: string | undefined, reason: string): CniError {
  return new CniError(CNI.KERNEL, `'ip ${line}' failed: ${reason}`);
}

/** One `nft` at a time: what comes meanwhile goes together in the next, and alone if that is refused. */
class Transactions {
  #waiting: { text: string; done: (error?: CniError) => void }[] = [];
  #running = false;
  readonly #runner: typeof run;

  constructor(runner: typeof run) {
    this.#runner = runner;
  }

  apply(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, done: (error) => (error ? reject(error) : resolve()) });
      this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      const together = await transaction(this.#runner, batch.map(({ text }) => text).join('\n'));
      for (const { text, done } of batch)
        done(together && batch.length > 1 ? await transaction(this.#runner, text) : together);
    }
    this.#running = false;
  }
}

async function transaction(runner: typeof run, text: string): Promise<CniError | undefined> {
  const { code, stderr, failure } = await runner('nft', ['-f', '-'], text);
  if (code === 0) return undefined;
  const why = failure === 'ENOENT' ? 'the program nft is not installed: install the package nftables' : stderr;
  return new CniError(
    CNI.KERNEL,
    `nftables refused podwire's rules, nothing of them is in force: ${why.trim().split('\n')[0]}`,
  );
}
