/** What is simulated: a file, YAML or JSON, or one of the built-in ones. */
import { parse, YAMLParseError } from 'yaml';
import * as z from 'zod';
import { LAN, type SwimProfile, WAN } from '../core/swim/profile.js';
import { yamlWords } from '../core/yaml-words.js';
import { messageOf, PodwireError } from '../wire/error.js';

const count = z.number().int().min(1);
const part = z.number().min(0).max(1);
const seconds = z.number().min(0);
/** What is repeated must take some time. */
const someSeconds = z.number().min(0.01);

/** One thing a line; each at a time of its own, in seconds. */
const ActionSchema = z.union([
  z.strictObject({ at: seconds, join: count }).describe('nodes that join'),
  z.strictObject({ at: seconds, kill: count }).describe('nodes that are gone without a word'),
  z.strictObject({ at: seconds, leave: count }).describe('nodes that say that they go'),
  z.strictObject({ at: seconds, restart: count }).describe('killed nodes that come back'),
  z.strictObject({ at: seconds, update: count }).describe('nodes that say something else of themselves'),
  z
    .strictObject({ at: seconds, split: part, for: seconds })
    .describe('a part that reaches the rest no more for a while'),
  z
    .strictObject({
      at: seconds,
      slow: part,
      for: seconds,
      stall: someSeconds.default(10),
      what: z.enum(['node', 'receiving']).default('node'),
    })
    .describe(
      'a part that does nothing, or receives nothing, for up to `stall` seconds, works for up to as long, and so on',
    ),
]);

/** Something that is done in a run; `at`, `for` and `stall` are seconds. */
export type Action = z.output<typeof ActionSchema>;
type WrittenAction = z.input<typeof ActionSchema>;

const ScenarioSchema = z.strictObject({
  nodes: z.number().int().min(2).max(16_000).default(100),
  seconds: z.number().min(1).default(60),
  /** Seconds at the beginning whose traffic does not count. */
  warmUp: seconds.default(0),
  profile: z.enum(['lan', 'wan']).default('lan'),
  /** Parameters of the profile, replaced. */
  tune: z.record(z.string(), z.union([z.number(), z.boolean()])).default({}),
  latencyMs: z.number().min(0).default(0.5),
  jitterMs: z.number().min(0).default(1),
  loss: part.default(0),
  duplicate: part.default(0),
  actions: z.array(ActionSchema).default([]),
});

/** A cluster, its network, and what is done to it: checked, and with every default filled in. */
export type Scenario = z.output<typeof ScenarioSchema>;

/** Names and scenarios that need no file. */
export const BUILT_IN: Readonly<Record<string, z.input<typeof ScenarioSchema>>> = {
  join: { seconds: 30, actions: [{ at: 10, join: 1 }] },
  kill: { seconds: 90, actions: [{ at: 10, kill: 1 }] },
  leave: { seconds: 30, actions: [{ at: 10, leave: 1 }] },
  loss: { seconds: 120, loss: 0.1, actions: [{ at: 10, kill: 1 }] },
  slow: { seconds: 180, actions: [{ at: 10, slow: 0.01, for: 160 }] },
  split: { seconds: 780, actions: [{ at: 30, split: 0.5, for: 600 }] },
  churn: {
    seconds: 180,
    loss: 0.01,
    actions: Array.from(
      { length: 15 },
      (_, i) => ({ at: 10 + 10 * i, ...[{ kill: 1 }, { join: 1 }, { restart: 1 }][i % 3] }) as WrittenAction,
    ),
  },
};

/**
 * Reads a scenario, YAML or JSON.
 * @param changes laid over the text's keys
 * @throws PodwireError CONFIG naming each key that is wrong
 */
export function parseScenario(text: string, changes: Readonly<Record<string, unknown>> = {}): Scenario {
  let raw: unknown;
  try {
    raw = parse(text) ?? {};
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw new PodwireError('CONFIG', `the scenario: ${messageOf(error)}`);
    const line = error.linePos?.[0].line;
    throw new PodwireError('CONFIG', `the scenario${line ? `, line ${line}` : ''}: ${yamlWords(error, text)}`);
  }
  return checkScenario(raw, changes);
}

/**
 * Checks a scenario that was parsed already, and fills in the defaults.
 * @param changes laid over its keys
 * @throws PodwireError CONFIG naming each key that is wrong
 */
export function checkScenario(raw: unknown, changes: Readonly<Record<string, unknown>> = {}): Scenario {
  const parsed = ScenarioSchema.safeParse(typeof raw === 'object' && raw !== null ? { ...raw, ...changes } : raw);
  const problems = parsed.success
    ? [...unknownParameters(parsed.data), ...tooLate(parsed.data)]
    : parsed.error.issues.map(problemWords);
  if (parsed.success && problems.length === 0) return parsed.data;
  throw new PodwireError('CONFIG', problems.map((problem) => `the scenario: ${problem}`).join('\n'));
}

export function profileOf({ profile, tune }: Scenario): SwimProfile {
  return { ...(profile === 'wan' ? WAN : LAN), ...tune };
}

/** With less than a millisecond between two of these, a second would never end. */
const REPEATED = ['probeInterval', 'gossipInterval', 'pushPullInterval', 'forgetAfter'];

function unknownParameters({ tune }: Scenario): string[] {
  const known = Object.keys(LAN);
  const wrong = (name: string) => !known.includes(name) || typeof tune[name] !== typeof LAN[name as keyof SwimProfile];
  return [
    ...Object.keys(tune)
      .filter(wrong)
      .map((name) => `tune.${name}: no such parameter, or no such value; there are ${known.join(', ')}`),
    ...REPEATED.filter((name) => Number(tune[name] ?? 1) < 1).map((name) => `tune.${name}: must be at least 1 ms`),
  ];
}

/** What would never be done. */
function tooLate({ actions, seconds: end }: Scenario): string[] {
  return actions.flatMap((action, i) =>
    action.at > end
      ? [`actions.${i} (${JSON.stringify(action)}): comes after the end, at ${end} s, and would never be done`]
      : [],
  );
}

function problemWords({ path, code, message }: z.core.$ZodIssue): string {
  const where = path.length === 0 ? 'as a whole' : path.join('.');
  if (code !== 'invalid_union') return `${where}: ${message}`;
  return `${where}: an action has a time (at) and one of join, kill, leave, restart, update, split (with for), slow (with for)`;
}
