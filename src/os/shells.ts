/**
 * A few shells that wait for programs to run. To start a program from a process as large as ours takes milliseconds on the
 * main thread, during which nothing else happens there; a shell is small, and does it in a fraction of one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { environmentOf, type Outcome } from './run.js';

const TIMEOUT_MS = 5_000;
/** Ends a program's standard input, and its output. */
const END = '@podwire-end';

type Done = (outcome: Outcome) => void;

interface Job {
  readonly argv: readonly string[];
  readonly input: string;
  readonly done: Done;
}

export class Shells {
  readonly #most: number;
  readonly #idle: Shell[] = [];
  readonly #waiting: Job[] = [];
  #shells = 0;

  /** @param most programs at a time */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Runs a program to its end, as `run` does (run.ts); what it says on standard error stands in `stderr` with its output.
   * @param argv words without quotes and line breaks
   */
  run(program: string, args: readonly string[], input = ''): Promise<Outcome> {
    return new Promise((done) => {
      this.#waiting.push({ argv: [program, ...args], input, done });
      this.#work();
    });
  }

  /** Ends the shells; what runs is cut off. */
  close(): void {
    for (const shell of this.#idle.splice(0)) shell.kill();
  }

  #work(): void {
    const job = this.#waiting[0];
    if (!job) return;
    const shell = this.#idle.pop() ?? this.#another();
    if (!shell) return;
    this.#waiting.shift();
    shell.run(job, (outcome) => {
      if (shell.alive) this.#idle.push(shell);
      else this.#shells--;
      job.done(outcome);
      this.#work();
    });
  }

  #another(): Shell | undefined {
    if (this.#shells >= this.#most) return undefined;
    this.#shells++;
    return new Shell();
  }
}

class Shell {
  readonly #child: ChildProcess;
  #output = '';
  #done: Done = () => {};
  #timer: NodeJS.Timeout | undefined;
  alive = true;

  constructor() {
    this.#child = spawn('sh', [], { stdio: ['pipe', 'pipe', 'ignore'], env: environmentOf() });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#child.stdin?.on('error', () => {});
    this.#child.once('error', () => this.#end({ failure: 'ENOENT' }));
    this.#child.once('exit', (_, signal) => this.#end({ failure: signal ?? 'the shell ended' }));
    // It ends with our end of its pipe, and keeps nobody.
    this.#child.unref();
    for (const stream of [this.#child.stdin, this.#child.stdout]) (stream as { unref?: () => void } | null)?.unref?.();
  }

  run({ argv, input }: Job, done: Done): void {
    this.#done = done;
    this.#output = '';
    this.#timer = setTimeout(() => this.kill(), TIMEOUT_MS);
    const words = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    const text = input.endsWith('\n') || input === '' ? input : `${input}\n`;
    this.#child.stdin?.write(`${words} 2>&1 <<'${END}'\n${text}${END}\nprintf '\\n${END} %d\\n' $?\n`);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #read(text: string): void {
    this.#output += text;
    const at = this.#output.lastIndexOf(`\n${END} `);
    if (at === -1 || !this.#output.endsWith('\n')) return;
    const code = Number(this.#output.slice(at + END.length + 2));
    this.#finish({ code, failure: undefined, output: this.#output.slice(0, at) });
  }

  #end({ failure }: { failure: string }): void {
    if (!this.alive) return;
    this.alive = false;
    this.#finish({ code: undefined, failure, output: this.#output });
  }

  #finish({ code, failure, output }: { code: number | undefined; failure: string | undefined; output: string }): void {
    clearTimeout(this.#timer);
    const done = this.#done;
    this.#done = () => {};
    // The shell's own code for a program that is not there.
    const missing = code === 127 ? 'ENOENT' : failure;
    done({
      code: code === 127 ? undefined : code,
      stdout: output,
      stderr: output,
      ...(missing && { failure: missing }),
    });
  }
}
