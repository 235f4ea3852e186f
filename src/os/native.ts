/**
 * What is native, chosen here and nowhere else:
 *
 * | PODWIRE_NATIVE | system calls                       | byte work               | kind             |
 * |----------------|------------------------------------|-------------------------|------------------|
 * | unset, `on`    | the addon; not built: koffi        | the addon; else twins   | `addon` or `off` |
 * | `io`           | the addon; not built: koffi        | twins                   | `io` or `off`    |
 * | `off`          | koffi                              | twins                   | `off`            |
 */
import { twins } from '../bytes/index.js';
import type { ByteWork } from '../bytes/work.js';
import { PodwireError } from '../wire/error.js';
import { type Addon, type Environment, findAddon, type NoAddon } from './addon.js';
import { findLibc } from './libc/index.js';
import type { SystemCalls } from './system-calls.js';

/** What is asked for: `on` all that there is, `io` input and output only, `off` nothing. */
export type NativeMode = 'on' | 'io' | 'off';

/** What there is. `addon`: C does all; `io`: C makes the system calls, TypeScript works on bytes; `off`: no C of ours. */
export type NativeKind = 'addon' | 'io' | 'off';

export interface Native {
  readonly kind: NativeKind;
  readonly system: SystemCalls;
  readonly bytes: ByteWork;
  /** In one line why it is slower than it could be, and the cure; undefined where the addon is used as asked. */
  readonly slower: string | undefined;
}

/** What makes the system calls; why that is not the addon, and what to do about it. */
export type SystemCallsFound =
  | { readonly by: 'addon'; readonly system: Addon }
  | ({ readonly by: 'koffi'; readonly system: SystemCalls } & NoAddon)
  | ({ readonly by: 'none' } & NoAddon);

/** Below this many bytes a call into C costs more than the sum does in TypeScript. */
const SHORT = 96;

/** @throws PodwireError CONFIG for another value of PODWIRE_NATIVE */
export function nativeMode(env: Environment = process.env): NativeMode {
  const mode = env['PODWIRE_NATIVE'] || 'on';
  if (mode === 'on' || mode === 'io' || mode === 'off') return mode;
  throw new PodwireError('CONFIG', `PODWIRE_NATIVE is '${mode}': it may be on, io or off`);
}

/**
 * For who moves packets. Every thread loads its own; descriptors are good in all of them.
 * @throws PodwireError NO_ADDON: neither the addon nor koffi is there. Any other failure to load the addon is passed on.
 */
export function loadNative(env: Environment = process.env): Native {
  const found = findSystemCalls(env);
  const { kind, slower } = kindOf(found, env);
  if (found.by === 'none') throw new PodwireError('NO_ADDON', slower ?? found.problem);
  const bytes = found.by === 'addon' && kind === 'addon' ? nativeWork(found.system) : twins;
  return { kind, system: found.system, bytes, slower };
}

/**
 * What there is of C in this installation, and in one line why it is slower than it could be, and the cure: for who does
 * not see what the installation said.
 * @throws PodwireError CONFIG for another value of PODWIRE_NATIVE than on, io or off
 */
export function nativeKind(env: Environment = process.env): Pick<Native, 'kind' | 'slower'> {
  return kindOf(findSystemCalls(env), env);
}

function kindOf(found: SystemCallsFound, env: Environment): Pick<Native, 'kind' | 'slower'> {
  if (found.by === 'addon') return { kind: nativeMode(env) === 'io' ? 'io' : 'addon', slower: undefined };
  const { problem, cure } = found;
  const slower =
    found.by === 'koffi'
      ? `${problem}: koffi makes the system calls and TypeScript works on the bytes, slower; ${cure}`
      : `${problem}: ${cure}`;
  return { kind: 'off', slower };
}

/** Without complaint where there is nothing; for who only wants to know. */
export function findSystemCalls(env: Environment = process.env): SystemCallsFound {
  const addon = addonAsAsked(env);
  // A copy: V8 looks each name up in a hash table in an object that Node-API made, at every call.
  if (!('problem' in addon)) return { by: 'addon', system: { ...addon } };
  const libc = findLibc();
  if (!('problem' in libc)) return { by: 'koffi', system: libc, ...addon };
  return { by: 'none', problem: `${addon.problem}, and ${libc.problem}`, cure: `${addon.cure}, or ${libc.cure}` };
}

/** The addon's byte work where it is built and on, else the twins. */
export function byteWork(env: Environment = process.env): ByteWork {
  if (nativeMode(env) !== 'on') return twins;
  const addon = findAddon(env);
  return 'problem' in addon ? twins : nativeWork(addon);
}

function addonAsAsked(env: Environment): Addon | NoAddon {
  if (nativeMode(env) !== 'off') return findAddon(env);
  return { problem: 'the addon is switched off by PODWIRE_NATIVE=off', cure: 'unset PODWIRE_NATIVE' };
}

function nativeWork(addon: Addon): ByteWork {
  return {
    sum: (bytes, offset, length, initial) =>
      length < SHORT ? twins.sum(bytes, offset, length, initial) : addon.sum(bytes, offset, length, initial),
    split: addon.split,
    join: addon.join,
    alike: addon.alike,
  };
}
