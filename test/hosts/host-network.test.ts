/** What a node makes in a kernel, and takes away: tried in a network namespace of its own. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

const CHILD = fileURLToPath(new URL('./host-network-child.js', import.meta.url));
const UNREACHABLE4 = 'unreachable 10.244.1.0/24 metric 4278198272';
const UNREACHABLE6 = 'unreachable fd00:244:1::/64 metric 4278198272';

interface Outcome {
  readonly ok: boolean;
  readonly result?: unknown;
  readonly code?: string;
  readonly message?: string;
  readonly ms: number;
}

/** A namespace, a state directory, and a TUN that comes and goes as an agent's would with its file descriptor. */
class Host {
  readonly name: string;
  readonly stateDir: string;

  constructor(t: Test, label: string) {
    this.name = `podwire-t-${process.pid}-${label}`;
    this.stateDir = join(t.testdir(), 'state');
    execFileSync('ip', ['netns', 'add', this.name]);
    t.teardown(() => execFileSync('ip', ['netns', 'del', this.name]));
    this.ip('link set lo up');
  }

  ip(command: string): string {
    return execFileSync('ip', ['-n', this.name, ...command.split(' ')], { encoding: 'utf8' });
  }

  openTun(): void {
    this.ip('tuntap add dev podwire0 mode tun');
  }

  closeTun(): void {
    this.ip('link del podwire0');
  }

  /** All of the namespace's interfaces, addresses and routes. */
  snapshot(): unknown {
    return ['-j address show', '-j -4 route show table all', '-j -6 route show table all'].map((what) =>
      JSON.parse(this.ip(what) || '[]'),
    );
  }

  /** Routes of the main table that go to our device or bear our mark, without their details. */
  ours(): string[] {
    return (['-4', '-6'] as const)
      .flatMap((family) => this.ip(`${family} route show`).split('\n'))
      .filter((line) => line.includes(' proto 84 '))
      .map((line) => line.replace(/ (linkdown|pref medium|proto 84|scope link)/g, '').trim());
  }

  sysctl(path: string): string {
    const argv = ['netns', 'exec', this.name, 'cat', `/proc/sys/${path}`];
    return execFileSync('ip', argv, { encoding: 'utf8' }).trim();
  }

  get journal(): string {
    return join(this.stateDir, 'made');
  }

  act(act: string): Outcome {
    const argv = ['netns', 'exec', this.name, process.execPath, CHILD, act, this.stateDir];
    return JSON.parse(execFileSync('ip', argv, { encoding: 'utf8' }));
  }

  /** Applies, and is killed where it stands. */
  async applyAndDie(): Promise<void> {
    const argv = ['netns', 'exec', this.name, process.execPath, CHILD, 'apply-and-stay', this.stateDir];
    const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const dead = new Promise((resolve) => child.on('exit', resolve));
    for await (const line of createInterface({ input: child.stdout })) {
      if (!(JSON.parse(line) as Outcome).ok) throw new Error(line);
      child.kill('SIGKILL'); // 'ip netns exec' has become the child itself
    }
    await dead;
  }
}

function cannotRun(): string | false {
  if (process.getuid?.() !== 0) return 'needs root: it makes a network namespace and a TUN device';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  try {
    execFileSync('ip', ['-V']);
    return false;
  } catch {
    return "needs the program 'ip' (iproute2)";
  }
}

t.test('host network', { skip: cannotRun() }, async (t) => {
  t.test('apply makes what is desired, remove takes all of it away', async (t) => {
    const host = new Host(t, 'whole');
    const before = host.snapshot();
    host.openTun();
    const applied = host.act('apply');
    t.match(applied, { ok: true });
    t.comment(`apply took ${applied.ms.toFixed(1)} ms`);
    t.same(host.ours(), [
      '10.244.0.0/16 dev podwire0 src 10.244.1.0',
      UNREACHABLE4,
      'fd00:244::/48 dev podwire0 src fd00:244:1::2 metric 1024',
      UNREACHABLE6.replace(' metric', ' dev lo metric'),
    ]);
    const [device] = JSON.parse(host.ip('-j address show dev podwire0'));
    t.equal(device.mtu, 1400);
    t.ok(device.flags.includes('UP'));
    t.same(
      device.addr_info.map((info: { local: string; prefixlen: number }) => `${info.local}/${info.prefixlen}`),
      ['10.244.1.0/32', 'fd00:244:1::2/128'],
      'and no link-local address',
    );
    t.equal(host.sysctl('net/ipv4/conf/podwire0/rp_filter'), '2');
    t.equal(host.sysctl('net/ipv6/conf/podwire0/accept_ra'), '0');
    t.ok(existsSync(host.journal));

    const twice = host.snapshot();
    t.match(host.act('apply'), { ok: true }, 'again');
    t.same(host.snapshot(), twice, 'changes nothing');

    const removed = host.act('remove');
    t.match(removed, { ok: true }, 'another process takes it back');
    t.ok(removed.ms < 500, `in ${removed.ms.toFixed(1)} ms`);
    t.same(host.ours(), []);
    t.same(JSON.parse(host.ip('-j address show dev podwire0'))[0].addr_info, [], 'with the device still open');
    t.notOk(existsSync(host.journal));
    t.match(host.act('remove'), { ok: true }, 'and again');
    host.closeTun();
    t.same(host.snapshot(), before);
  });

  t.test('what a killed process left is recovered', async (t) => {
    const host = new Host(t, 'kill');
    const before = host.snapshot();
    host.openTun();
    await host.applyAndDie();
    host.closeTun();
    t.equal(host.ours().length, 2, 'the unreachable routes are left');
    t.match(host.act('recover'), {
      ok: true,
      result: [`route ${UNREACHABLE6} protocol 84`, `route ${UNREACHABLE4} protocol 84`],
    });
    t.same(host.snapshot(), before);
    t.match(host.act('recover'), { ok: true, result: [] }, 'nothing is left to recover');
  });

  t.test("a device of our name that is somebody else's", async (t) => {
    const host = new Host(t, 'device');
    host.openTun();
    await host.applyAndDie();
    const before = host.snapshot();
    t.match(host.act('recover'), {
      ok: false,
      code: 'MACHINE',
      message: /there is a device podwire0 .*nothing was changed$/,
    });
    t.same(host.snapshot(), before);
  });

  t.test('no device', async (t) => {
    const host = new Host(t, 'none');
    t.match(host.act('apply'), {
      ok: false,
      code: 'MACHINE',
      message: 'there is no device podwire0; nothing was changed',
    });
    t.notOk(existsSync(host.journal));
  });

  t.test("somebody's route to the cluster range", async (t) => {
    const host = new Host(t, 'foreign');
    host.openTun();
    host.ip('route add 10.244.0.0/16 dev lo proto static');
    const before = host.snapshot();
    t.match(host.act('apply'), {
      ok: false,
      code: 'MACHINE',
      message:
        "the route '10.244.0.0/16 dev lo proto static' is there already and is not podwire's; nothing was changed",
    });
    t.same(host.snapshot(), before);
    t.notOk(existsSync(host.journal));
  });

  t.test("a route that took our route's place survives recovery", async (t) => {
    const host = new Host(t, 'replaced');
    host.openTun();
    await host.applyAndDie();
    host.closeTun();
    host.ip(`route del ${UNREACHABLE4}`);
    host.ip(`route add ${UNREACHABLE4} proto static`);
    t.match(host.act('recover'), { ok: true, result: [`route ${UNREACHABLE6} protocol 84`] });
    t.match(host.ip('route show'), 'unreachable 10.244.1.0/24 proto static');
  });

  t.test('a failure in the middle takes back what was made', async (t) => {
    const host = new Host(t, 'broken');
    host.openTun();
    t.match(host.act('apply-broken'), {
      ok: false,
      code: 'MACHINE',
      // the reason is the kernel's, and differs between kernels
      message:
        /^'ip route add 10\.99\.0\.0\/16 dev podwire0 protocol 84 src 203\.0\.113\.1' failed: Invalid [\w ]+; what was made before it is taken back$/,
    });
    t.same(host.ours(), []);
    t.same(JSON.parse(host.ip('-j address show dev podwire0'))[0].addr_info, []);
    t.notOk(existsSync(host.journal));

    t.match(host.act('apply'), { ok: true });
    const before = host.snapshot();
    t.match(host.act('apply-broken'), { ok: false }, 'and no more than that:');
    t.same(host.snapshot(), before, 'what an earlier apply made stays');
    t.match(host.act('remove'), { ok: true }, 'and is remembered');
    t.same(host.ours(), []);
  });

  t.test('removal goes on where somebody removed a part', async (t) => {
    const host = new Host(t, 'part');
    const before = host.snapshot();
    host.openTun();
    t.match(host.act('apply'), { ok: true });
    host.ip('route del 10.244.0.0/16 dev podwire0');
    host.ip('address del fd00:244:1::2/128 dev podwire0');
    t.match(host.act('remove'), { ok: true });
    host.closeTun();
    t.same(host.snapshot(), before);

    host.openTun();
    t.match(host.act('apply'), { ok: true });
    host.closeTun();
    t.match(host.act('remove'), { ok: true }, 'the whole device');
    t.same(host.snapshot(), before);
  });

  t.test('a damaged journal is not run', async (t) => {
    const host = new Host(t, 'damaged');
    host.openTun();
    await host.applyAndDie();
    host.closeTun();
    const before = host.snapshot();
    const journal = readFileSync(host.journal, 'utf8');
    writeFileSync(host.journal, `${journal}link del lo\n`);
    t.match(host.act('recover'), { ok: false, code: 'MACHINE', message: /made is damaged: .*nothing was changed$/ });
    t.same(host.snapshot(), before);
    writeFileSync(host.journal, journal);
    t.match(host.act('recover'), { ok: true });
    t.same(host.ours(), []);
  });
});
