/** What the kernel of a namespace has dropped, from the files that a process in it sees below /proc. */
import { readFileSync } from 'node:fs';

/** Drops by name; they only grow, but for those of a device that is gone. */
export type Drops = Readonly<Record<string, number>>;

const SNMP = [
  'Ip:InDiscards',
  'Ip:InAddrErrors',
  'Ip:OutDiscards',
  'Ip:OutNoRoutes',
  'Ip:ReasmFails',
  'Ip:FragFails',
  'IpExt:InNoRoutes',
  'Udp:NoPorts',
  'Udp:InErrors',
];
const SNMP6 = [
  'Ip6InDiscards',
  'Ip6InNoRoutes',
  'Ip6InAddrErrors',
  'Ip6OutDiscards',
  'Ip6OutNoRoutes',
  'Ip6ReasmFails',
  'Ip6FragFails',
  'Udp6NoPorts',
  'Udp6InErrors',
];
/** Columns of /proc/net/dev behind the name. */
const RECEIVE_DROPPED = 3;
const SEND_DROPPED = 11;

/** Drops of protocols and devices in the namespace of a process. Empty once it is gone. */
export function kernelDrops(pid: number | undefined): Drops {
  try {
    const read = (file: string) => readFileSync(`/proc/${pid}/net/${file}`, 'utf8');
    return { ...snmp(read('snmp')), ...snmp(read('netstat')), ...snmp6(read('snmp6')), ...devices(read('dev')) };
  } catch {
    return {};
  }
}

/** Names of devices begin with `dev `. */
export function devices(text: string): Drops {
  const drops: Record<string, number> = {};
  for (const line of text.split('\n').slice(2)) {
    const [name, rest] = line.split(':');
    if (rest === undefined) continue;
    const columns = rest.trim().split(/\s+/).map(Number);
    drops[`dev ${name.trim()} rx`] = columns[RECEIVE_DROPPED];
    drops[`dev ${name.trim()} tx`] = columns[SEND_DROPPED];
  }
  return drops;
}

/** A line of names, then a line of values, both beginning with the group. */
function snmp(text: string): Drops {
  const drops: Record<string, number> = {};
  const lines = text.split('\n').map((line) => line.split(/\s+/));
  for (const [index, [group, ...names]] of lines.entries()) {
    const next = lines[index + 1];
    if (next?.[0] !== group) continue;
    for (const [column, name] of names.entries()) {
      if (SNMP.includes(group + name)) drops[group + name] = Number(next[column + 1]);
    }
  }
  return drops;
}

function snmp6(text: string): Drops {
  const rows = text.split('\n').map((line) => line.split(/\s+/));
  return Object.fromEntries(
    rows.filter(([name]) => SNMP6.includes(name)).map(([name, value]) => [name, Number(value)]),
  );
}

/** What was added; a figure that has fallen belongs to something new, and counts whole. */
export function added(now: Drops, before: Drops): Drops {
  const more = Object.entries(now).map(([name, value]) => {
    const old = before[name] ?? 0;
    return [name, value >= old ? value - old : value] as const;
  });
  return Object.fromEntries(more.filter(([, value]) => value > 0));
}

export function total(drops: Drops): number {
  return Object.values(drops).reduce((sum, value) => sum + value, 0);
}
