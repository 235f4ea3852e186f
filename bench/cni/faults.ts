/** What may go wrong around a plugin, one after the other: what each of the two answers, and what it leaves behind. */
import {
  type Called,
  type CallOptions,
  type Container,
  containerOf,
  containers,
  removeContainers,
} from '../../src/lab/containers.js';
import type { Lab } from '../../src/lab/lab.js';
import type { Subject } from './subjects.js';

export interface FaultOutcome {
  readonly fault: string;
  readonly subject: Subject['name'];
  /** `ok`, or the error's code and words. */
  readonly outcome: string;
  readonly ms: number;
  /** What it held behind it, of what it held before: more, or less. */
  readonly left: string;
}

interface Fault {
  readonly name: string;
  /** Makes the fault, and the call in question. */
  readonly run: (subject: Subject, pod: Container, lab: Lab) => Promise<Called>;
  /** Brings all back to where it was: what is left then is the fault's. */
  readonly after?: (subject: Subject, pod: Container, lab: Lab) => Promise<unknown>;
  /** It is about the agent. */
  readonly agent?: boolean;
}

async function added(subject: Subject, pod: Container): Promise<Called> {
  const called = await subject.call('ADD', pod);
  if (called.code !== 0) throw new Error(`${subject.name}: ADD before a fault: ${called.stdout}`);
  return called;
}

const del = (subject: Subject, pod: Container, options?: CallOptions) => subject.call('DEL', pod, options);

const FAULTS: readonly Fault[] = [
  {
    name: 'ADD, the namespace is not there',
    run: (subject, pod) => subject.call('ADD', pod, { env: { CNI_NETNS: '/run/netns/nowhere' } }),
  },
  {
    name: 'ADD again',
    run: async (subject, pod) => {
      await added(subject, pod);
      return subject.call('ADD', pod);
    },
    after: (subject, pod) => del(subject, pod),
  },
  {
    name: 'ADD, the pod has an interface of that name',
    run: async (subject, pod) => subject.call('ADD', pod, { env: { CNI_IFNAME: 'lo' } }),
  },
  { name: 'DEL before ADD', run: (subject, pod) => del(subject, pod) },
  {
    name: 'DEL without prevResult',
    run: async (subject, pod) => {
      await added(subject, pod);
      return del(subject, pod);
    },
  },
  {
    name: 'DEL without CNI_NETNS',
    run: async (subject, pod) => {
      await added(subject, pod);
      return del(subject, pod, { env: { CNI_NETNS: '' } });
    },
  },
  {
    name: 'DEL, the namespace is gone',
    run: async (subject, pod) => {
      await added(subject, pod);
      removeContainers([pod]);
      return del(subject, pod);
    },
  },
  {
    name: 'CHECK, somebody took the address away',
    run: async (subject, pod, lab) => {
      const { json } = await added(subject, pod);
      await lab.exec(pod, ['ip', 'address', 'flush', 'dev', subject.ifname]);
      return subject.call('CHECK', pod, { config: { prevResult: json } });
    },
    after: (subject, pod) => del(subject, pod),
  },
  {
    name: 'ADD, garbage on standard input',
    run: (subject, pod) => subject.call('ADD', pod, { stdin: '\u0001{]garbage' }),
  },
  { name: 'ADD, half a configuration', run: (subject, pod) => subject.call('ADD', pod, { stdin: subject.half }) },
  { name: 'ADD, nothing on standard input', run: (subject, pod) => subject.call('ADD', pod, { stdin: '' }) },
  {
    name: 'ADD, the disk is full',
    run: async (subject, pod, lab) => {
      subject.fill(true);
      // A page that is there already takes some more.
      let called = await subject.call('ADD', pod);
      for (const other of called.code === 0 ? await crowd(lab, subject) : []) {
        called = await subject.call('ADD', other);
        if (called.code !== 0) break;
      }
      return called;
    },
    after: async (subject, pod, lab) => {
      subject.fill(false);
      await del(subject, pod);
      for (const other of crowdOf(lab, subject)) await del(subject, other);
    },
  },
  {
    name: 'DEL, the disk is full',
    run: async (subject, pod) => {
      await added(subject, pod);
      subject.fill(true);
      return del(subject, pod);
    },
    after: async (subject) => subject.fill(false),
  },
  {
    name: 'ADD, the store was damaged beside a living pod',
    run: async (subject, pod, lab) => {
      await added(subject, { ...pod, id: `${pod.id}-living` });
      await subject.corrupt();
      const [other] = await containers(lab, pod.host, `${subject.ifname}-other`);
      return subject.call('ADD', { ...other, id: `${pod.id}-other` });
    },
    after: async (subject, pod) => {
      await del(subject, { ...pod, id: `${pod.id}-other` });
      await del(subject, { ...pod, id: `${pod.id}-living` });
    },
  },
  {
    name: 'ADD, no agent',
    agent: true,
    run: async (subject, pod) => {
      await subject.kill?.();
      return subject.call('ADD', pod);
    },
    after: (subject) => subject.start(),
  },
  {
    name: 'STATUS, no agent',
    agent: true,
    run: async (subject, pod) => {
      await subject.kill?.();
      return subject.call('STATUS', pod, { config: { cniVersion: '1.1.0' } });
    },
    after: (subject) => subject.start(),
  },
  {
    name: 'DEL, no agent; again when it is back',
    agent: true,
    run: async (subject, pod) => {
      await added(subject, pod);
      await subject.kill?.();
      return del(subject, pod);
    },
    after: async (subject, pod) => {
      await subject.start();
      await del(subject, pod);
    },
  },
];

const CROWD = Array.from({ length: 30 }, (_, i) => `crowd${i}`);

/** More pods, until a page is full. */
function crowd(lab: Lab, { ifname }: Subject): Promise<Container[]> {
  return containers(lab, lab.hosts[0], ...CROWD.map((name) => `${ifname}-${name}`));
}

function crowdOf(lab: Lab, { ifname }: Subject): Container[] {
  return CROWD.map((name) => containerOf(lab, lab.hosts[0], `${ifname}-${name}`));
}

/** Each fault in a namespace of its own. */
export async function tryFaults(lab: Lab, subject: Subject, tell: (outcome: FaultOutcome) => void): Promise<void> {
  for (const [i, { name, run, after, agent }] of FAULTS.entries()) {
    if (agent && !subject.kill) continue;
    const [pod] = await containers(lab, lab.hosts[0], `fault${i}`);
    const before = await subject.held();
    const { code, json, ms, stdout } = await run(subject, pod, lab);
    await after?.(subject, pod, lab);
    const { addresses, devices } = await subject.held();
    removeContainers([pod]);
    tell({
      fault: name,
      subject: subject.name,
      outcome:
        code === 0 ? 'ok' : json.msg === undefined ? `exit code ${code}: ${stdout}` : `${json.code}: ${json.msg}`,
      ms,
      left: leftWords(addresses - before.addresses, devices - before.devices),
    });
  }
}

function leftWords(addresses: number, devices: number): string {
  const parts = [
    [addresses, 'addresses'],
    [devices, 'devices'],
  ] as const;
  const told = parts.flatMap(([count, what]) => (count === 0 ? [] : `${count > 0 ? '+' : ''}${count} ${what}`));
  return told.length === 0 ? 'nothing' : told.join(', ');
}
