/** Every key of the configuration is a flag as well; both come from the schema. */
import * as z from 'zod';
import { PodwireError } from '../../wire/error.js';
import { flagName } from './flag-name.js';
import { ConfigSchema, keyFacts, PEER_FORM } from './schema.js';

export interface Flag {
  /** The key, such as `vxlan.port`. */
  readonly key: string;
  /** The flag without its dashes, such as `vxlan-port`. */
  readonly name: string;
  /** What stands for the value in a usage line; empty: the flag alone says it. */
  readonly value: string;
  readonly description: string;
  /** What holds where neither file nor flag says anything; absent: the key is required. */
  readonly fallback?: string;
  /** May be given several times, each of this form. */
  readonly form?: string;
}

/** The flags, in the order of the schema. */
export function flags(): Flag[] {
  return leaves(ConfigSchema, '').map(({ key, schema }) => {
    const facts = keyFacts.get(schema);
    const fallback = fallbackOf(schema);
    return {
      key,
      name: key === 'peers' ? 'peer' : flagName(key),
      value: facts?.value ?? 'VALUE',
      description: schema.description ?? '',
      ...(fallback !== undefined && { fallback }),
      ...(facts?.form !== undefined && { form: facts.form }),
    };
  });
}

/** A leaf of an object schema: a key that holds a value and no further keys. */
export interface Leaf {
  readonly key: string;
  readonly schema: z.ZodType;
}

/** All leaves of an object schema, its objects' keys written with dots. */
export function leaves(object: z.ZodObject, prefix: string): Leaf[] {
  return Object.entries(object.shape).flatMap(([name, schema]): Leaf[] => {
    const key = prefix + name;
    const inner = plain(schema);
    return inner instanceof z.ZodObject ? leaves(inner, `${key}.`) : [{ key, schema: schema as z.ZodType }];
  });
}

/** What holds where a key is absent, in words; undefined: it is required. */
export function fallbackOf(schema: z.ZodType): string | undefined {
  const fallback = keyFacts.get(schema)?.fallback;
  if (fallback !== undefined) return fallback;
  if (!(schema instanceof z.ZodDefault)) return undefined;
  const value = schema.def.defaultValue;
  return Array.isArray(value) && value.length === 0 ? 'none' : String(value);
}

/** A schema without what makes it optional. */
function plain(schema: unknown): unknown {
  const wrapped = schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault;
  return wrapped ? plain(schema.unwrap()) : schema;
}

/** Values as they came from the command line, by key; absent flags are absent. */
export type FlagValues = Readonly<Record<string, string | true | readonly string[]>>;

/**
 * Lays flags over the content of a file: a flag replaces its key, `--peer` the whole list. What a value may be is
 * the schema's to say.
 * @throws PodwireError CONFIG for a `--peer` or `--gossip-tune` that has not the form of one
 */
export function mergeFlags(file: unknown, values: FlagValues): unknown {
  if (Object.keys(values).length === 0) return file;
  if (!isMapping(file)) return file;
  const merged: Record<string, unknown> = { ...file };
  for (const leaf of leaves(ConfigSchema, '')) {
    const value = values[leaf.key];
    if (value === undefined) continue;
    const [outer, inner] = leaf.key.split('.');
    const parsed = parseValue(leaf, value);
    const group = merged[outer];
    merged[outer] = inner === undefined ? parsed : { ...(isMapping(group) ? group : {}), [inner]: parsed };
  }
  return merged;
}

/** How what a repeated flag was given becomes the value of its key. */
const LISTS: Readonly<Record<string, (texts: readonly string[]) => unknown>> = {
  peers: (texts) => texts.map(parsePeer),
  join: (texts) => texts.flatMap((text) => text.split(',')),
  'gossip.tune': (texts) => Object.fromEntries(texts.map(parseParameter)),
};

function parseValue({ key, schema }: Leaf, value: string | true | readonly string[]): unknown {
  if (value === true) return true;
  if (typeof value !== 'string') return LISTS[key](value);
  if (plain(schema) instanceof z.ZodNumber) return numberIn(value);
  const kind = keyFacts.get(schema)?.value;
  if (kind === 'DSCP') return numberIn(value);
  if (kind === 'PREFIX' || kind === 'ADDRESS') return value.split(',');
  if (kind !== 'LENGTH') return value;
  const lengths = value.split(',').map(numberIn);
  return lengths.length === 1 ? lengths[0] : lengths;
}

/** What is no number stays text, for the schema to refuse. */
function numberIn(text: string): number | string {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** Reads `name=number`. */
function parseParameter(text: string): [string, number | string] {
  const [name, value, ...more] = text.split('=');
  if (value === undefined || more.length > 0) {
    throw new PodwireError('CONFIG', `--gossip-tune ${text}: write it as NAME=NUMBER, such as probeInterval=2000`);
  }
  return [name, numberIn(value)];
}

/** Reads `name=underlay[,underlay6]=podCidr[,podCidr6][=mac]`. */
function parsePeer(text: string): object {
  const [node, underlay, podCidr, mac, ...more] = text.split('=');
  if (podCidr === undefined || more.length > 0) {
    throw new PodwireError('CONFIG', `--peer ${text}: write it as ${PEER_FORM}, such as bravo=192.0.2.2=10.244.2.0/24`);
  }
  return { node, underlay: underlay.split(','), podCidr: podCidr.split(','), ...(mac !== undefined && { mac }) };
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
