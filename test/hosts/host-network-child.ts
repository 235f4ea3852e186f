/**
 * One act of a node's host network, in the network namespace that it was started in: `ACT STATE_DIR`. Prints the outcome as
 * one line of JSON; `apply-and-stay` then lives until it is killed.
 */
import { desiredHost } from '../../src/control/desired-host.js';
import { HostNetwork } from '../../src/os/host-network.js';
import { PodwireError } from '../../src/wire/error.js';
import { address, prefix, sampleConfig } from '../unit/control/sample-config.js';

const [act, stateDir = ''] = process.argv.slice(2);
const config = sampleConfig();
const desired = desiredHost(config, 1400);
const network = new HostNetwork({ stateDir, device: config.device });

/** Its last route cannot be made: the source is no address of this machine. */
const broken = {
  ...desired,
  routes: [
    ...desired.routes,
    { destination: prefix('10.99.0.0/16'), kind: 'device' as const, source: address('203.0.113.1') },
  ],
};

async function perform(): Promise<unknown> {
  switch (act) {
    case 'apply':
    case 'apply-and-stay':
      return network.apply(desired);
    case 'apply-broken':
      return network.apply(broken);
    case 'recover':
      return network.recover();
    case 'remove':
      return network.remove();
    default:
      throw new Error(`no such act: ${act}`);
  }
}

const start = performance.now();
const outcome = await perform().then(
  (result) => ({ ok: true, result }),
  (error) => ({ ok: false, code: error instanceof PodwireError ? error.code : 'BUG', message: error.message }),
);
process.stdout.write(`${JSON.stringify({ ...outcome, ms: performance.now() - start })}\n`);
if (act === 'apply-and-stay') setInterval(() => {}, 60_000);
