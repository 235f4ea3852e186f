/** Container runtimes of Debian on a lab's hosts: each host's own directories, mounted over those that a runtime looks at. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../../src/lab/lab.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import type { RunResult } from '../../src/lab/run.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const BUSYBOX = '/bin/busybox';
const APPLETS = ['sh', 'ip', 'ping', 'wget', 'httpd', 'sleep', 'cat', 'echo', 'hostname'];

export function busyboxMissing(): string | false {
  return existsSync(BUSYBOX) ? false : 'needs the package busybox-static';
}

/** A host with podwire installed as its runtimes' network. */
export class RuntimeHost {
  readonly lab: Lab;
  readonly node: RunningPodwire;
  readonly directory: string;

  constructor(lab: Lab, node: RunningPodwire) {
    this.lab = lab;
    this.node = node;
    this.directory = join(lab.directory, node.host.name, 'runtime');
    mkdirSync(join(this.directory, 'cni'), { recursive: true });
  }

  /** `podwire cni install`, into this host's directories. @param how further options */
  install(...how: string[]): Promise<RunResult> {
    const places = [
      '--bin-dir',
      join(this.directory, 'cni', 'bin'),
      '--conf-dir',
      join(this.directory, 'cni', 'net.d'),
    ];
    const argv = [process.execPath, CLI, 'cni', 'install', ...places, '--socket', this.node.socket, ...how];
    return this.lab.exec(this.node.host, argv);
  }

  /** A root file system of busybox, whose web server says who asks. */
  rootfs(name: string): string {
    const root = join(this.directory, name);
    for (const folder of ['bin', 'proc', 'sys', 'dev', 'etc', 'tmp', 'run', 'www/cgi-bin']) {
      mkdirSync(join(root, folder), { recursive: true });
    }
    copyFileSync(BUSYBOX, join(root, 'bin', 'busybox'));
    for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
    const who = join(root, 'www', 'cgi-bin', 'who');
    writeFileSync(who, '#!/bin/sh\necho "Content-type: text/plain"\necho\necho $REMOTE_ADDR\n');
    chmodSync(who, 0o755);
    return root;
  }

  /** The command that runs `argv` on the host, where /opt/cni/bin and /etc/cni/net.d are its own. */
  command(argv: readonly string[]): string[] {
    const mounts = [
      'mount -t tmpfs tmpfs /opt && mkdir -p /opt/cni/bin /etc/cni/net.d',
      `mount --bind ${this.directory}/cni/bin /opt/cni/bin`,
      `mount --bind ${this.directory}/cni/net.d /etc/cni/net.d`,
      'exec "$@"',
    ];
    return ['unshare', '-m', 'sh', '-ec', mounts.join(' && '), 'sh', ...argv];
  }

  run(argv: readonly string[], timeoutMs = 60_000): Promise<RunResult> {
    return this.lab.exec(this.node.host, this.command(argv), { timeoutMs });
  }

  /** The same among the machine's own mounts: namespaces that the program names are named for the agent too. */
  runPlain(argv: readonly string[], timeoutMs = 60_000): Promise<RunResult> {
    return this.lab.exec(this.node.host, argv, { timeoutMs });
  }

  /** Starts a containerd of the host's own. @returns the command of its `ctr` */
  async containerd(): Promise<(...argv: string[]) => string[]> {
    const at = (name: string) => join(this.directory, name);
    writeFileSync(
      at('config.toml'),
      `version = 2
root = "${at('root')}"
state = "${at('state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${at('c.sock')}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${at('opt')}"
`,
    );
    this.lab.spawn(this.node.host, this.command(['containerd', '-c', at('config.toml')]), { stdio: 'ignore' });
    const ctr = (...argv: string[]) => ['ctr', '-a', at('c.sock'), ...argv];
    for (let tries = 0; (await this.run(ctr('version'))).code !== 0; tries++) {
      if (tries > 100) throw new Error('containerd does not start');
      await delay(100);
    }
    return ctr;
  }

  /** Options of `ctr run`: runc's directory is the host's own, as two of them share the machine. */
  runc(): string[] {
    return ['--runc-root', join(this.directory, 'runc')];
  }
}
