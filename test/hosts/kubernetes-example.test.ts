/**
 * examples/kubernetes without a Kubernetes: kubectl decodes it whole, and the commands of its containers run as a kubelet would run
 * them (their capabilities, their mounts, /proc/sys read-only) on two hosts, whose pods then talk.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { Lab } from '../../src/lab/lab.js';
import type { LabHost } from '../../src/lab/plan.js';
import { ask, startEcho } from '../../src/lab/tools.js';
import { packageRoot } from '../unit/package-root.js';
import { type CniOutput, containers } from './cni.js';
import { labSkip, needs } from './lab.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const FILE = join(packageRoot(), 'examples', 'kubernetes', 'podwire.yaml');

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly securityContext: {
    readonly privileged?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
  };
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly mountPropagation?: string;
  }[];
  readonly livenessProbe?: { readonly exec: { readonly command: readonly string[] } };
  readonly readinessProbe?: { readonly exec: { readonly command: readonly string[] } };
}

interface PodSpec {
  readonly hostNetwork: boolean;
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[];
}

/** Kubernetes reads YAML 1.1: 0400 is octal. */
const documents = parseAllDocuments(readFileSync(FILE, 'utf8'), { version: '1.1' }).map((document) => document.toJS());
const config = documents[1] as { data: Record<string, string> };
const pod = (documents[2] as { spec: { template: { spec: PodSpec } } }).spec.template.spec;
const [forwarding, install] = pod.initContainers;
const [agent] = pod.containers;

t.test('the file is whole', async (t) => {
  t.match(documents, [{ kind: 'Secret' }, { kind: 'ConfigMap' }, { kind: 'DaemonSet' }]);
  t.equal(pod.hostNetwork, true);
  const volumes = new Set(pod.volumes.map(({ name }) => name));
  const all = [...pod.initContainers, ...pod.containers];
  const mounted = all.flatMap(({ volumeMounts = [] }) => volumeMounts);
  for (const { name, mountPath } of mounted) t.ok(volumes.has(name), `${mountPath} is of a volume that is there`);
  t.same(
    [...volumes].filter((name) => !mounted.some((one) => one.name === name)),
    [],
    'each is used',
  );
  t.equal(new Set(all.map(({ image }) => image)).size, 1);
});

t.test('kubectl decodes every field', { skip: needs('kubectl', 'kubectl') }, async (t) => {
  const [, , daemonSet] = documents;
  t.match(decoded(JSON.stringify(daemonSet)), daemonSet, 'nothing is lost');
  const misspelt = JSON.stringify(daemonSet).replace('mountPropagation', 'mountPropagatoin');
  t.notMatch(JSON.stringify(decoded(misspelt)), /mountPropagatoin/, 'what it does not know would be');
});

/** As kubectl's own types have it, without a server; fields that these do not know are lost. */
function decoded(input: string): object {
  const argv = ['set', 'env', '--local', '-f', '-', 'TRIED=yes', '-o', 'json'];
  const { status, stdout, stderr } = spawnSync('kubectl', argv, {
    encoding: 'utf8',
    input,
    env: { ...process.env, KUBECONFIG: '/dev/null' },
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as object;
}

t.test(
  'its containers make two nodes whose pods talk',
  {
    skip: labSkip() || needs('nft', 'nftables') || needs('setpriv', 'util-linux'),
  },
  async (t) => {
    const lab = await Lab.create({ name: 'daemonset', hosts: 2, pods: 0 });
    t.teardown(() => lab.destroy());
    const made = mkdirSync('/run/podwire', { recursive: true });
    t.teardown(() => made && rmdirSync(made));
    const text = { ...parse(config.data['podwire.yaml'] ?? ''), join: lab.hosts.map(({ underlay }) => underlay) };
    const key = spawnSync(process.execPath, [CLI, 'key', 'new'], { encoding: 'utf8' }).stdout;
    for (const host of lab.hosts) {
      for (const { name } of pod.volumes) mkdirSync(volume(lab, host, name), { recursive: true });
      writeFileSync(join(volume(lab, host, 'config'), 'podwire.yaml'), JSON.stringify(text));
      writeFileSync(join(volume(lab, host, 'key'), 'key'), key, { mode: 0o400 });
      for (const container of [forwarding, install]) {
        const { code, stderr } = await lab.exec(host, contained(lab, host, container, container.command));
        t.equal(code, 0, `${container.name}: ${stderr}`);
      }
    }
    await Promise.all(
      lab.hosts.map((host) => {
        const command = agent.command.map((word) => word.replace('$(NODE_NAME)', host.name));
        return ready(lab, host, contained(lab, host, agent, command));
      }),
    );
    for (const host of lab.hosts) {
      for (const probe of [agent.livenessProbe, agent.readinessProbe]) {
        const command = probe?.exec.command ?? ['false'];
        const { code, stderr } = await lab.exec(host, contained(lab, host, agent, command));
        t.equal(code, 0, `${command.join(' ')}: ${stderr}`);
      }
    }
    const pods = [];
    for (const host of lab.hosts) {
      const [one] = await containers(lab, host, 'one');
      const list = JSON.parse(readFileSync(join(volume(lab, host, 'cni-conf'), '10-podwire.conflist'), 'utf8'));
      const { plugins, ...shared } = list as { plugins: object[] };
      // The runtime is no container: it sees the node's directories.
      const plugin = `mount --bind '${volume(lab, host, 'run')}' /run/podwire && exec '${volume(lab, host, 'cni-bin')}/podwire-cni'`;
      const { code, stdout } = await lab.exec(host, ['unshare', '-m', 'sh', '-c', plugin], {
        input: JSON.stringify({ ...shared, ...plugins[0] }),
        env: {
          CNI_COMMAND: 'ADD',
          CNI_CONTAINERID: one.id,
          CNI_NETNS: one.netns.replace('/run/', '/var/run/'),
          CNI_IFNAME: 'eth0',
        },
      });
      t.equal(code, 0, stdout);
      const { ips = [] } = JSON.parse(stdout) as CniOutput;
      pods.push({ ...one, addresses: ips.map(({ address }) => address.split('/')[0]) });
    }
    const [one, other] = pods;
    await startEcho(lab, other);
    const answers = await ask(lab, one, other.addresses);
    t.same(
      answers.map(({ seen }) => seen),
      one.addresses,
      'each seen under its own address',
    );
  },
);

/** What a volume is on a host of the lab. */
function volume(lab: Lab, host: LabHost, name: string): string {
  return join(lab.directory, host.name, 'volumes', name);
}

/** The command that runs `command` as a container of the file would run it. */
function contained(lab: Lab, host: LabHost, container: Container, command: readonly string[]): string[] {
  const { privileged = false, capabilities: { add = [] } = {} } = container.securityContext;
  // The machine's own namespaces and device are where the file wants them; the rest is the host's.
  const mounts = (container.volumeMounts ?? []).filter(({ name }) => name !== 'netns' && name !== 'tun');
  const script = [
    // Directories for the mounts, which the machine does not have.
    'mount -t tmpfs tmpfs /etc && mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /mnt',
    ...mounts.map(({ name, mountPath }) => {
      const at = mountPath.replace(/^\/host/, '/mnt');
      return `mkdir -p ${at} && mount --bind '${volume(lab, host, name)}' ${at}`;
    }),
    ...(privileged ? [] : ['mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys']),
    'exec "$@"',
  ];
  const bounds = ['-all', ...add.map((name) => `+${name.toLowerCase()}`)].join(',');
  const limits = privileged ? [] : ['setpriv', '--bounding-set', bounds, '--inh-caps', '-all'];
  const [program, ...rest] = command.map((word) => word.replace(/^\/host\//, '/mnt/'));
  const argv = program === 'podwire' ? [process.execPath, CLI, ...rest] : [program, ...rest];
  const netns = container.volumeMounts?.find(({ name }) => name === 'netns');
  const propagation = netns?.mountPropagation === 'HostToContainer' ? 'slave' : 'private';
  return ['unshare', '-m', '--propagation', propagation, 'sh', '-ec', script.join('\n'), 'sh', ...limits, ...argv];
}

/** Starts it, and waits until it carries traffic. */
async function ready(lab: Lab, host: LabHost, argv: readonly string[]): Promise<void> {
  const child = lab.spawn(host, argv);
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr ?? process.stdin })) {
    if (line.startsWith('ready ')) return;
    said.push(line);
  }
  throw new Error(said.join('\n'));
}
