import type { Command } from 'commander';
import { loadAddon } from '../../os/addon.js';
import { version } from '../../os/version.js';
import { messageOf } from '../../wire/error.js';
import { addExamples } from '../help.js';
import { lookOf, print, printJson } from '../output.js';
import { tableLines } from '../table.js';

export function configure(command: Command): void {
  command.option('--json', 'print JSON');
  addExamples(command, [
    ['podwire version', 'of podwire, its C addon, Node and the kernel'],
    ['podwire --version', 'the number alone'],
  ]);
  command.action(async (options: { json?: boolean }) => {
    const { release } = await import('node:os');
    const versions = { podwire: version, addon: addonVersion(), node: process.versions.node, kernel: release() };
    if (options.json) printJson(versions);
    else print(tableLines([{ title: '' }, { title: '' }], Object.entries(versions), lookOf(process.stdout)).join('\n'));
  });
}

/** The addon's version, or why there is none. */
function addonVersion(): string {
  try {
    return loadAddon().version;
  } catch (error) {
    return `none: ${messageOf(error)}`;
  }
}
