/** The keys of the configuration as options of a command. */
import { type Command, Option } from 'commander';
import { type Flag, type FlagValues, flags } from '../control/config/flags.js';
import type { ConfigSource } from '../control/config/load.js';

/**
 * Adds an option for each key.
 * @returns what reads file and flags off the command once it has been parsed
 */
export function addConfigOptions(command: Command): () => ConfigSource {
  const options = flags().map((flag) => ({ flag, option: optionFor(flag) }));
  for (const { option } of options) command.addOption(option);
  return () => {
    const values = command.optsWithGlobals<Record<string, string | true | string[] | undefined>>();
    const given = options.map(({ flag, option }) => [flag.key, values[option.attributeName()]] as const);
    const file = values['config'];
    return {
      ...(typeof file === 'string' && { file }),
      flags: Object.fromEntries(given.filter(([, value]) => value !== undefined)) as FlagValues,
    };
  };
}

function optionFor({ name, value, description, fallback, form }: Flag): Option {
  const absent = fallback === undefined ? 'required, here or in the file' : plain(`default: ${fallback}`);
  const each = form === undefined ? '' : ` May be repeated: ${form}.`;
  const usage = value === '' ? `--${name}` : `--${name} <${value}>`;
  const option = new Option(usage, `${plain(description + each)} (${absent})`);
  if (form !== undefined) option.argParser((one: string, before: string[] | undefined) => [...(before ?? []), one]);
  return option;
}

/** Descriptions are written in markdown. */
function plain(description: string): string {
  return description.replaceAll('`', '').replace(/\.$/, '');
}
