import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { DEFAULT_SOCKET } from '../../control/config/defaults.js';
import { installCni, loopbackMissing, PLUGIN_NAME, uninstallCni } from '../../os/cni-files.js';
import { CNI_VERSIONS } from '../../pods/cni/version.js';
import { ATTACHMENTS } from '../../pods/pod-record.js';
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
  readonly attach: string;
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
    .option('--masquerade', 'what pods send out of the cluster bears the address of their node');
  install.action(async (options: InstallOptions) => {
    for (const file of await installCni(options, conflist(options))) print(`wrote ${file}`);
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

/** What every ADD would be refused for is refused here. @throws PodwireError CONFIG: nothing is written */
function refuseUnusable({ attach, device, range = [], gateway = [] }: InstallOptions): void {
  const refuse = (words: string) => {
    throw new PodwireError('CONFIG', `${words}; nothing was written`);
  };
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
