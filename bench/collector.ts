/** Takes the garbage out of a running node's heap, so that what is left of it can be measured. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../src/lab/lab.js';
import type { RunningPodwire } from '../src/lab/podwire.js';

const PROGRAM = fileURLToPath(new URL('./collect.js', import.meta.url));

export class Collector {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string, string | undefined> | undefined;

  /** It ends with the node. */
  constructor(lab: Lab, { host, process: node }: RunningPodwire) {
    node.kill('SIGUSR1');
    this.#child = lab.spawn(host, [process.execPath, PROGRAM], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdin?.on('error', () => {}); // the node has ended: its missing answer tells
    if (this.#child.stdout) this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** @returns whether it was done; not so, if the node has ended */
  async collect(): Promise<boolean> {
    this.#child.stdin?.write('\n');
    return (await this.#lines?.next())?.value !== undefined;
  }
}
