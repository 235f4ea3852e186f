/** Every key of the configuration is a flag as well; both come from the schema. */
import * as z from 'zod';
import { PodwireError } from '../../wire/error.js';
import { flagName } from './flag-name.js';
import { ConfigSchema, keyFacts } from './schema.js';

export interface Flag {
  /** The key, such as `vxlan.port`. */
  readonly key: string;
  /** The flag without its dashes, such as `vxlan-port`. */
  readonly name: string;
  /** What stands for the value in a usage line. */
  readonly value: string;
  readonly description: string;
  /** What holds where neither file nor flag says anything; absent: the key is required. */
  readonly fallback?: string;
  /** May be given several times. */
  readonly repeated: boolean;
}

/** The shape of one peer as a flag. */
export const PEER_FORM = 'NAME=UNDERLAY=PODCIDR[,PODCIDR6][=MAC]';

/** The flags, in the order of the schema. */
export function flags(): Flag[] {
  return leaves(ConfigSchema, '').map(({ key, schema }) => {
    const facts = keyFacts.get(schema);
    const repeated = key === 'peers';
    const fallback = fallbackOf(schema);
    return {
      key,
      name: repeated ? 'peer' : flagName(key),
      value: facts?.value ?? 'VALUE',
      description: schema.description ?? '',
      ...(fallback !== undefined && { fallback }),
      repeated,
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
export type FlagValues = Readonly<Record<string, string | readonly string[]>>;

/**
 * Lays flags over the content of a file: a flag replaces its key, `--peer` the whole list. What a value may be is
 * the schema's to say.
 * @throws PodwireError CONFIG for a `--peer` that has not the form of one
 */
export function mergeFlags(file: unknown, values: FlagValues): unknown {
  if (Object.keys(values).length === 0) return file;
  if (!isMapping(file)) return file;
  const merged: Record<string, unknown> = { ...file };
  for (const { key, schema } of leaves(ConfigSchema, '')) {
    const value = values[key];
    if (value === undefined) continue;
    const [outer, inner] = key.split('.');
    const parsed = parseValue(schema, value);
    const group = merged[outer];
    merged[outer] = inner === undefined ? parsed : { ...(isMapping(group) ? group : {}), [inner]: parsed };
  }
  return merged;
}

function parseValue(schema: z.ZodType, value: string | readonly string[]): unknown {
  if (typeof value !== 'string') return value.map(parsePeer);
  if (plain(schema) instanceof z.ZodNumber) return /^\d+$/.test(value) ? Number(value) : value;
  return keyFacts.get(schema)?.value === 'PREFIX' ? value.split(',') : value;
}

/** Reads `name=underlay=podCidr[,podCidr6][=mac]`. */
function parsePeer(text: string): object {
  const [node, underlay, podCidr, mac, ...more] = text.split('=');
  if (podCidr === undefined || more.length > 0) {
    throw new PodwireError('CONFIG', `--peer ${text}: write it as ${PEER_FORM}, such as bravo=192.0.2.2=10.244.2.0/24`);
  }
  return { node, underlay, podCidr: podCidr.split(','), ...(mac !== undefined && { mac }) };
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
