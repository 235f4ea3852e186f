import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { DEFAULT_SOCKET } from '../../control/config/defaults.js';
import { installCni, loopbackMissing, PLUGIN_NAME, uninstallCni } from '../../os/cni-files.js';
import { CNI_VERSIONS } from '../../pods/cni/version.js';
import { ATTACHMENTS, type AttachmentName } from '../../pods/pod-record.js';
import { parseAddress, parsePrefix } from '../../wire/address.js';
import { PodwireError } from '../../wire/error.js';
import { addExamples } from '../help.js';
import { whole } from '../option-values.js';
import { print } from '../output.js';

interface Places {
  readonly binDir: string;
  readonly confDir: string;
}

interface InstallOptions extends Places {
  readonly name: string;
  readonly attach: AttachmentName;
  readonly socket: string;
  readonly device?: string;
  readonly range?: readonly string[];
  readonly gateway?: readonly string[];
  readonly mtu?: number;
  readonly masquerade?: boolean;
}

export function configure(command: Command): void {
  addExamples(command, [
    ['podwire cni install', 'the plugin into /opt/cni/bin, its configuration into /etc/cni/net.d'],
    [
      'podwire cni install --attach ptp --masquerade',
      'a veth and a route for each pod; what leaves the cluster bears the address of its node',
    ],
    [
      'podwire cni install --name lan --attach macvlan --range 192.0.2.64/27',
      "pods in the node's own network, with these addresses of it; each node has a range of its own",
    ],
    ['podwire cni uninstall', 'take both away; pods that run keep running'],
  ]);
  const install = places(command.command('install'))
    .description('Write the plugin and its configuration where a container runtime looks for them.')
    .option('--name <NAME>', 'of the network', 'podwire')
    .addOption(new Option('--attach <HOW>', 'how a pod hangs on its node').choices(ATTACHMENTS).default('bridge'))
    .option('--socket <PATH>', "the node's socket", DEFAULT_SOCKET)
    .option('--device <NAME>', 'macvlan: the device that pods hang on; device: the one that is handed over')
    .option('--range <CIDR...>', "macvlan: addresses of the node's own network for its pods, one range a family")
    .option('--gateway <ADDRESS...>', "macvlan: of that network (default: the node's own)")
    .option('--mtu <BYTES>', "of pods' interfaces (default: the node's)", whole(68, 65_535))
    .option('--masquerade', 'what pods send out of the cluster bears the address of their node; not with macvlan');
  install.action(async (options: InstallOptions) => {
    const wanted = conflist(options);
    const before = networksIn(options.confDir);
    for (const file of await installCni(options, wanted)) {
      print(`wrote ${file}`);
      const replaced = before.get(file);
      if (replaced !== undefined && replaced !== networkText(options)) print(`replaced network ${replaced}`);
    }
    if (loopbackMissing(options)) {
      print(
        `note: ${options.binDir} has no plugin named loopback, without which a kubelet's containerd starts no pod: it comes with containernetworking-plugins`,
      );
    }
  });
  const uninstall = places(command.command('uninstall')).description('Remove what install wrote.');
  uninstall.action(async (options: Places) => {
    const removed = await uninstallCni(options);
    for (const file of removed) print(`removed ${file}`);
    if (removed.length === 0) print('nothing of podwire is there');
  });
}

function places(command: Command): Command {
  return command
    .option('--bin-dir <DIR>', 'of plugins', '/opt/cni/bin')
    .option('--conf-dir <DIR>', 'of network configurations', '/etc/cni/net.d');
}

/** The networks of podwire in a directory by the files that they are in: one that is replaced is told. */
function networksIn(confDir: string): ReadonlyMap<string, string> {
  try {
    const files = readdirSync(confDir)
      .filter((name) => name.endsWith('.conflist'))
      .map((name) => join(confDir, name));
    return new Map(
      files.flatMap((file) => {
        const network = networkIn(file);
        return network === undefined ? [] : [[file, network] as const];
      }),
    );
  } catch {
    // What cannot be read holds nothing that can be told; whether it can be written is seen next.
    return new Map();
  }
}

function networkIn(file: string): string | undefined {
  try {
    const { name, plugins } = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown; plugins?: unknown };
    const all = Array.isArray(plugins) ? (plugins as { type?: unknown; attach?: unknown }[]) : [];
    const ours = all.find(({ type }) => type === PLUGIN_NAME);
    return ours && networkText({ name: String(name), attach: String(ours.attach ?? 'bridge') });
  } catch {
    return undefined;
  }
}

function networkText({ name, attach }: { readonly name: string; readonly attach: string }): string {
  return `${JSON.stringify(name).slice(1, -1)} (${JSON.stringify(attach).slice(1, -1)})`;
}

/** As libcni has it: runtimes refuse others, and make a file's name of it. */
const NETWORK_NAME = /^[a-zA-Z0-9][\w.-]*$/;

/** What an attachment would not heed is a mistake. macvlan's pods send past the node: it cannot masquerade them. */
const GOES_WITH = {
  device: ['macvlan', 'device'],
  range: ['macvlan'],
  gateway: ['macvlan'],
  masquerade: ['bridge', 'ptp', 'device'],
} as const satisfies Partial<Record<keyof InstallOptions, readonly AttachmentName[]>>;

/** What every ADD would be refused for is refused here. @throws PodwireError CONFIG: nothing is written */
function refuseUnusable(options: InstallOptions): void {
  const { name, attach, socket, device, range = [], gateway = [] } = options;
  const refuse = (words: string) => {
    throw new PodwireError('CONFIG', `${words}; nothing was written`);
  };
  if (!NETWORK_NAME.test(name))
    refuse(`--name ${JSON.stringify(name)} is no network's name: letters, digits, _ . and -, a letter or digit first`);
  if (socket === '') refuse("--socket is empty: name the node's socket");
  for (const option of ['device', 'range', 'gateway', 'masquerade'] as const) {
    const kinds: readonly AttachmentName[] = GOES_WITH[option];
    if (options[option] !== undefined && !kinds.includes(attach))
      refuse(`--${option} goes with --attach ${kinds.join(' or ')}, not with ${attach}`);
  }
  if (device === '') refuse('--device is empty: name a device of the node');
  if (attach === 'macvlan' && range.length === 0)
    refuse(
      "--attach macvlan needs --range: addresses of the node's own network that nobody else uses, such as 192.0.2.64/27",
    );
  if (attach === 'device' && device === undefined)
    refuse('--attach device needs --device: the device of the node that a pod is to get');
  for (const text of range) {
    const prefix = parsePrefix(text);
    if (typeof prefix === 'string') refuse(`--range ${text}: ${prefix}`);
  }
  for (const text of gateway) if (!parseAddress(text)) refuse(`--gateway ${text} is not an IP address`);
}

/**
 * `cniVersion` for runtimes that know no list of them; those that do take the highest that both speak.
 * @throws PodwireError CONFIG: no pod could be attached with these
 */
export function conflist(options: InstallOptions): object {
  refuseUnusable(options);
  const { name, attach, socket, device, range, gateway, mtu, masquerade } = options;
  return {
    cniVersion: '1.0.0',
    cniVersions: CNI_VERSIONS,
    name,
    plugins: [
      {
        type: PLUGIN_NAME,
        attach,
        socket: resolve(socket),
        ...(device !== undefined && { device }),
        ...(range && { range }),
        ...(gateway && { gateway }),
        ...(mtu !== undefined && { mtu }),
        ...(masquerade && { masquerade }),
        capabilities: { ...(attach !== 'macvlan' && { portMappings: true }), ips: true, mac: true },
      },
    ],
  };
}
