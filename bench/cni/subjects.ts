/** The two that are measured: podwire's plugin with its agent, and Debian's `bridge` with `host-local`, as one interface. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiClient } from '../../src/api/client.js';
import { type Called, type CallOptions, type Container, cni } from '../../src/lab/containers.js';
import type { Lab } from '../../src/lab/lab.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';

const REFERENCE = '/usr/lib/cni';

/** Why the reference cannot be measured; undefined: it can. */
export function referenceMissing(): string | undefined {
  const there = ['bridge', 'host-local'].every((name) => existsSync(join(REFERENCE, name)));
  return there ? undefined : 'the package containernetworking-plugins is not installed';
}

export interface Subject {
  readonly name: 'podwire' | 'bridge and host-local';
  /** Of the pod's interface. */
  readonly ifname: string;
  /** A configuration that ends in the middle. */
  readonly half: string;
  call(verb: string, container: Container, options?: CallOptions): Promise<Called>;
  /** What it holds: addresses in its store, and devices on the host. */
  held(): Promise<{ readonly addresses: number; readonly devices: number }>;
  /** Fills the file system of its store, or makes room again. */
  fill(full: boolean): void;
  /** Damages what its store holds, while it does not run. */
  corrupt(): Promise<void>;
  /** Kills its agent; undefined: it has none. */
  readonly kill: (() => Promise<void>) | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A file system of its own for a store, so that it can be full. */
function smallDisk(path: string): { fill(full: boolean): void; remove(): void } {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path]);
  const filler = join(path, 'filler');
  return {
    fill(full) {
      if (full) execFileSync('sh', ['-c', `cat /dev/zero > '${filler}' 2>/dev/null || true`]);
      else rmSync(filler, { force: true });
    },
    remove: () => execFileSync('umount', ['-l', path]),
  };
}

async function countDevices(lab: Lab, prefix: RegExp): Promise<number> {
  const { stdout } = await lab.exec(lab.hosts[0], ['ip', '-o', 'link', 'show', 'type', 'veth']);
  return stdout.split('\n').filter((line) => prefix.test(line)).length;
}

export class Podwire implements Subject {
  readonly name = 'podwire';
  readonly ifname = 'eth0';
  readonly #lab: Lab;
  readonly #store: string;
  readonly #disk: ReturnType<typeof smallDisk>;
  #node: RunningPodwire | undefined;

  constructor(lab: Lab) {
    this.#lab = lab;
    const state = join(lab.directory, lab.hosts[0].name, 'state');
    this.#store = join(state, 'pods');
    this.#disk = smallDisk(state);
  }

  get half(): string {
    return `{"socket": "${this.#node?.socket}", "cniVersion": "1.0.0", "name": `;
  }

  readonly kill = async () => {
    const died = new Promise((resolve) => this.#node?.process.once('close', resolve));
    this.#node?.process.kill('SIGKILL');
    await died;
  };

  async start(): Promise<void> {
    // Room for all rounds: an address that was given back rests for half a minute.
    const config = { podCidr: ['10.244.16.0/20', 'fd00:244:0:1::/64'], peers: [] };
    this.#node = await this.#lab.startPodwire(this.#lab.hosts[0], { config });
  }

  async stop(): Promise<void> {
    await this.#node?.stop();
    this.#disk.remove();
  }

  call(verb: string, container: Container, options?: CallOptions): Promise<Called> {
    return cni(this.#lab, { socket: this.#node?.socket ?? '' }, verb, container, options);
  }

  async held() {
    const pods = await new ApiClient(this.#node?.socket ?? '').pods();
    const addresses = pods.flatMap((pod) => pod.addresses).length;
    return { addresses, devices: await countDevices(this.#lab, /\bpw[0-9a-v]{12}@/) };
  }

  fill(full: boolean): void {
    this.#disk.fill(full);
  }

  async corrupt(): Promise<void> {
    await this.kill();
    writeFileSync(this.#store, readFileSync(this.#store, 'utf8').replaceAll('10.244', '99.244'));
    appendFileSync(this.#store, '\u0000garbage');
    await this.start();
  }
}

export class Reference implements Subject {
  readonly name = 'bridge and host-local';
  readonly ifname = 'eth9';
  readonly half = '{"cniVersion": "1.0.0", "type": "bridge", "name": ';
  readonly kill = undefined;
  readonly #lab: Lab;
  readonly #store: string;
  readonly #disk: ReturnType<typeof smallDisk>;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#store = join(lab.directory, 'host-local');
    this.#disk = smallDisk(this.#store);
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#disk.remove();
  }

  call(verb: string, container: Container, { config, ...options }: CallOptions = {}): Promise<Called> {
    const ranges = [[{ subnet: '10.99.0.0/20' }], [{ subnet: 'fd99::/64' }]];
    return cni(this.#lab, { socket: '' }, verb, container, {
      ...options,
      plugin: [join(REFERENCE, 'bridge')],
      config: {
        name: 'reference',
        type: 'bridge',
        bridge: 'ref0',
        isGateway: true,
        hairpinMode: true,
        ipam: { type: 'host-local', dataDir: this.#store, ranges },
        ...config,
      },
      env: { CNI_PATH: REFERENCE, CNI_IFNAME: this.ifname, ...options.env },
    });
  }

  async held() {
    const files = existsSync(join(this.#store, 'reference')) ? readdirSync(join(this.#store, 'reference')) : [];
    const addresses = files.filter((file) => /^(10|fd)/.test(file)).length;
    return { addresses, devices: await countDevices(this.#lab, /\bveth[0-9a-f]{8}@/) };
  }

  fill(full: boolean): void {
    this.#disk.fill(full);
  }

  async corrupt(): Promise<void> {
    const folder = join(this.#store, 'reference');
    for (const file of readdirSync(folder)) writeFileSync(join(folder, file), '\u0000garbage');
  }
}
