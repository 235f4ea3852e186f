import type { Command } from 'commander';
import { listening, startServer } from '../../bench/programs.js';
import { overlayAddressTexts } from '../../core/overlay-address.js';
import { PodwireError } from '../../wire/error.js';
import { BENCH_PORT } from '../bench-options.js';
import { addSocketOption, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { between } from '../option-values.js';
import { print } from '../output.js';

export function configureServe(command: Command): void {
  addSocketOption(command)
    .description('Let the peers of the running node measure to it, until Ctrl-C.')
    .option('--port <PORT>', 'TCP port on its overlay addresses', between(1, 65_535), BENCH_PORT);
  addExamples(command, [
    ['podwire bench serve', 'on the one node; on the other podwire bench with the name of this one'],
  ]);
  command.addHelpText(
    'after',
    '\nOnly nodes that this one has as peers are served, from their overlay addresses, one at a time. Pods are refused.',
  );
  command.action(async ({ port }: { port: number }) => {
    const client = await clientOf(command);
    const { node, podCidr, pid } = await client.status();
    const addresses = overlayAddressTexts(podCidr);
    if (addresses.length === 0) throw new PodwireError('REFUSED', `${node} has no subnet yet: podwire ipam says why`);
    const server = startServer({ node, addresses, port, pids: [pid], socket: client.socketPath });
    const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
    let told = false;
    const stop = () => {
      told = true;
      server.stdin?.end();
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    await listening(server, print);
    print(`${node} serves its peers on ${addresses.join(' and ')}, TCP port ${port}, until Ctrl-C`);
    await ended;
    if (!told) throw new PodwireError('MACHINE', 'the program that serves was ended');
  });
}
