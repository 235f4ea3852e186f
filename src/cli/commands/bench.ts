import type { Command } from 'commander';
import { addExamples } from '../help.js';
import { configureLocal } from './bench-local.js';
import { configureNode } from './bench-node.js';
import { configureServe } from './bench-serve.js';

export function configure(command: Command): void {
  configureNode(command.command('node', { isDefault: true }));
  configureServe(command.command('serve'));
  configureLocal(command.command('local'));
  addExamples(command, [
    ['podwire bench local', 'podwire beside the kernel vxlan device, between two hosts in network namespaces'],
    ['podwire bench serve', 'let the other nodes measure to this one, until Ctrl-C'],
    ['podwire bench bravo', 'measure to the node bravo, on which podwire bench serve runs'],
    ['podwire bench bravo --tests rate --sizes 64,512,1400', 'the highest rates without loss, as in RFC 2544'],
    ['podwire bench bravo --json | jq .results', 'for a program'],
    ['podwire bench local --help', 'the options of each'],
  ]);
  command.addHelpText('after', '\nWhat the figures mean: docs/benchmark.md.');
}
