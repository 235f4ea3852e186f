/**
 * A machine whose first process is systemd, in the network of a lab's host: its own processes, mounts, cgroups and name,
 * and over the files of this machine a layer that goes with it.
 */
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../../src/lab/lab.js';
import type { LabHost } from '../../src/lab/plan.js';
import type { RunResult } from '../../src/lab/run.js';
import { packageRoot } from '../unit/package-root.js';
import { until } from './gossiping.js';

const SYSTEMD = '/lib/systemd/systemd';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Why systemd cannot be run here; false if it can. For tap's `skip`. */
export function systemdSkip(): string | false {
  if (!existsSync(SYSTEMD)) return 'needs systemd';
  try {
    accessSync(cgroups(), constants.W_OK);
  } catch {
    return 'needs a cgroup2 file system that may be written to';
  }
  const { status } = spawnSync('unshare', ['--mount', '--cgroup', '--pid', '--fork', 'sh', '-ec', LAYER]);
  return status !== 0 && 'needs overlayfs over / in namespaces of its own';
}

/** Nothing of it outlives its namespace. */
const LAYER = `
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
test -x /mnt/root${SYSTEMD}`;

/** Where cgroup2 is mounted; empty: nowhere. */
function cgroups(): string {
  return /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1] ?? '';
}

/** What it boots to: none of this machine's services, but what a unit takes for granted. */
const UNITS: Readonly<Record<string, string>> = {
  'sysinit.target': 'Wants=systemd-journald.service',
  'basic.target': 'Requires=sysinit.target\nAfter=sysinit.target',
  'multi-user.target': 'Requires=basic.target\nAfter=basic.target',
  'shutdown.target': '',
  'network-online.target': '',
  'systemd-journald.socket': `[Socket]
ListenStream=/run/systemd/journal/stdout
ListenDatagram=/run/systemd/journal/socket`,
  'systemd-journald.service': `Requires=systemd-journald.socket
After=systemd-journald.socket
[Service]
Type=notify
ExecStart=/lib/systemd/systemd-journald
Sockets=systemd-journald.socket`,
};

/** `$1` is its cgroup. What it makes itself is a cgroup namespace of what is below. */
const BEGIN = `mkdir "$1"; echo $$ >"$1/cgroup.procs"; shift
exec unshare --mount --propagation slave --pid --fork --kill-child --uts --ipc --cgroup sh -ec "$@"`;

/** `$1` is an empty directory, `$2` the units, `$3` the package, `$4` Node.js. */
const BOOT = `
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cd "$1/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir -p run/netns dev/pts dev/shm dev/net opt/podwire usr/local/bin
mknod dev/net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount --rbind /run/netns run/netns
mount --bind "$3" opt/podwire
rm -f usr/local/bin/podwire usr/local/bin/node
touch usr/local/bin/node
mount --bind "$4" usr/local/bin/node
ln -s /opt/podwire/dist/src/cli/main.js usr/local/bin/podwire
rm -rf etc/systemd/system etc/podwire var/lib/podwire
mkdir -p etc/systemd/system
cp -r "$2" run/units
pivot_root . mnt
cd /
umount -l /mnt
mount --make-rshared /
exec env -i container=lab SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/units PATH=${PATH} \\
  ${SYSTEMD} --unit=multi-user.target --show-status=0`;

export class SystemdMachine {
  readonly #lab: Lab;
  readonly #host: LabHost;
  readonly #cgroup: string;
  readonly #pid: number;

  private constructor(lab: Lab, host: LabHost, cgroup: string, pid: number) {
    this.#lab = lab;
    this.#host = host;
    this.#cgroup = cgroup;
    this.#pid = pid;
  }

  /** Resolves when services can be started. `halt` it before its lab is destroyed. */
  static async boot(lab: Lab, host: LabHost): Promise<SystemdMachine> {
    const at = (name: string) => join(lab.directory, `${host.name}-${name}`);
    mkdirSync(at('machine'));
    mkdirSync(at('units'));
    for (const [name, text] of Object.entries(UNITS))
      writeFileSync(join(at('units'), name), `[Unit]\nDefaultDependencies=no\n${text}\n`);
    const cgroup = join(cgroups(), host.namespace);
    const places = [at('machine'), at('units'), packageRoot(), process.execPath];
    const child = lab.spawn(host, ['sh', '-ec', BEGIN, 'sh', cgroup, BOOT, 'sh', ...places], { stdio: 'ignore' });
    let first = '';
    await until('its first process', async () => {
      [first = ''] = read(`/proc/${child.pid}/task/${child.pid}/children`).split(' ');
      return read(`/proc/${first}/comm`) === 'systemd\n';
    });
    const machine = new SystemdMachine(lab, host, cgroup, Number(first));
    await until('systemd has booted', async () => {
      return (await machine.run('systemctl', 'is-active', 'multi-user.target')).stdout === 'active\n';
    });
    return machine;
  }

  /** Runs a command in it, as its administrator would. */
  run(...argv: string[]): Promise<RunResult> {
    const inside = ['nsenter', `--target=${this.#pid}`, '--all', '--', 'env', '-i', `PATH=${PATH}`];
    return this.#lab.exec(this.#host, [...inside, ...argv], { timeoutMs: 30_000 });
  }

  /** One of its files, as this process sees it. */
  file(path: string): string {
    return join(`/proc/${this.#pid}/root`, path);
  }

  /** What a service has said, and systemd about it. */
  async journal(unit: string): Promise<string> {
    return (await this.run('journalctl', '--unit', unit, '--output=cat', '--no-pager')).stdout;
  }

  /** What systemd thinks of a unit. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.run('systemctl', 'show', '--value', '--property', name, unit)).stdout.trim();
  }

  /** As by pulling the plug. Nothing of it is left. */
  async halt(): Promise<void> {
    process.kill(this.#pid, 'SIGKILL');
    await until('its processes have ended', async () => isEmpty(this.#cgroup));
    removeTree(this.#cgroup);
  }
}

/** A file that may go at any time. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isEmpty(cgroup: string): boolean {
  return readFileSync(join(cgroup, 'cgroup.events'), 'utf8').includes('populated 0');
}

/** A cgroup's files go with it. */
function removeTree(cgroup: string): void {
  for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(cgroup, entry.name));
  }
  rmdirSync(cgroup);
}
