/** The right to make network namespaces and a TUN: as root, or as one's own root in a user namespace. */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { PodwireError } from '../wire/error.js';

/** Set in a process that runs in a user namespace of its own, made by `ensurePrivileges`. */
const INSIDE = 'PODWIRE_USER_NAMESPACE';

const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

const UNSHARE = ['--user', '--map-root-user', '--net', '--mount'];

/**
 * Returns if this process may make a lab. If it may not, but the kernel grants a user namespace, runs the same command
 * line again in one and exits with its exit code.
 * @throws PodwireError MACHINE, one line that says what is missing
 */
export async function ensurePrivileges(): Promise<void> {
  if (mayMakeNamespaces()) return requireTun();
  if (process.env[INSIDE] !== undefined) throw refusal('a user namespace gives no rights here');
  requireTun();
  const probe = spawnSync('unshare', [...UNSHARE, 'true'], { encoding: 'utf8' });
  if (probe.status !== 0) throw refusal((probe.stderr || `${probe.error?.message ?? 'unshare failed'}`).trim());
  await again();
}

/** True in a user namespace that `ensurePrivileges` made: others cannot enter the lab by name. */
export function inUserNamespace(): boolean {
  return process.env[INSIDE] !== undefined;
}

/** Has this process the rights that a lab takes? */
export function mayMakeNamespaces(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const mask = BigInt(`0x${effective}`);
  return [CAP_NET_ADMIN, CAP_SYS_ADMIN].every((capability) => (mask >> capability) & 1n);
}

function requireTun(): void {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch (error) {
    const message =
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? 'does not exist: load the module (modprobe tun), or give the container the device'
        : 'may not be opened by this user: run it with sudo';
    throw new PodwireError('MACHINE', `/dev/net/tun ${message}; nothing was made`);
  }
}

function refusal(reason: string): PodwireError {
  return new PodwireError(
    'MACHINE',
    `needs root, or a kernel that lets users make namespaces (${reason}): run it with sudo; nothing was made`,
  );
}

/** `ip netns` keeps its names in /run/netns: a /run of our own comes first. */
async function again(): Promise<never> {
  const script = 'mount -t tmpfs tmpfs /run && exec "$@"';
  const argv = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('unshare', [...UNSHARE, 'sh', '-c', script, 'sh', ...argv], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  // A terminal signals both: the inner one decides how it ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const code = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)));
  process.exit(code);
}
