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
  readonly #timeoutMs: number;
  readonly #idle: Shell[] = [];
  readonly #waiting: Job[] = [];
  #shells = 0;

  /** @param most programs at a time @param timeoutMs after which one is cut off */
  constructor(most: number, timeoutMs = TIMEOUT_MS) {
    this.#most = most;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Runs a program to its end, as `run` does (run.ts); what it says on standard error stands in `stderr` with its output.
   * One that is cut off is gone, and so is what it started, before this resolves.
   * @param argv words without quotes and line breaks
   */
  run(program: string, args: readonly string[], input = ''): Promise<Outcome> {
    return new Promise((done) => {
      this.#waiting.push({ argv: [program, ...args], input, done });
      this.#work();
    });
  }

  /** Ends the shells that wait; the others end with this process. */
  close(): void {
    for (const shell of this.#idle.splice(0)) shell.kill();
  }

  #work(): void {
    const job = this.#waiting[0];
    if (!job) return;
    const shell = this.#waits() ?? this.#another();
    if (!shell) return;
    this.#waiting.shift();
    shell.run(job, (outcome) => {
      if (shell.alive) this.#idle.push(shell);
      else this.#shells--;
      job.done(outcome);
      this.#work();
    });
  }

  /** Somebody else may have ended one. */
  #waits(): Shell | undefined {
    for (let shell = this.#idle.pop(); shell; shell = this.#idle.pop()) {
      if (shell.alive) return shell;
      this.#shells--;
    }
    return undefined;
  }

  #another(): Shell | undefined {
    if (this.#shells >= this.#most) return undefined;
    this.#shells++;
    return new Shell(this.#timeoutMs);
  }
}

class Shell {
  readonly #child: ChildProcess;
  readonly #timeoutMs: number;
  #output = '';
  #done: Done = () => {};
  #timer: NodeJS.Timeout | undefined;
  alive = true;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    // Leader of a group, so that what runs in it can be ended with it.
    this.#child = spawn('sh', [], { stdio: ['pipe', 'pipe', 'ignore'], env: environmentOf(), detached: true });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#child.stdin?.on('error', () => {});
    this.#child.once('error', () => this.#end('ENOENT'));
    this.#child.once('exit', () => {
      this.alive = false;
      // What ran goes on without its shell.
      this.kill();
    });
    // Behind `exit`: the last of the group has let go of the output, and does nothing more.
    this.#child.once('close', (_, signal) => this.#end(signal ?? 'the shell ended'));
    // It ends with our end of its pipe, and keeps nobody.
    this.#child.unref();
    for (const stream of [this.#child.stdin, this.#child.stdout]) (stream as { unref?: () => void } | null)?.unref?.();
  }

  run({ argv, input }: Job, done: Done): void {
    this.#done = done;
    this.#output = '';
    // Until it is gone: what is left to end it keeps this process too.
    this.#timer = setInterval(() => this.kill(), this.#timeoutMs);
    const words = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    const text = input.endsWith('\n') || input === '' ? input : `${input}\n`;
    this.#child.stdin?.write(`${words} 2>&1 <<'${END}'\n${text}${END}\nprintf '\\n${END} %d\\n' $?\n`);
  }

  /** With all that it runs. */
  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  }

  #read(text: string): void {
    this.#output += text;
    const at = this.#output.lastIndexOf(`\n${END} `);
    if (at === -1 || !this.#output.endsWith('\n')) return;
    const code = Number(this.#output.slice(at + END.length + 2));
    this.#finish({ code, failure: undefined, output: this.#output.slice(0, at) });
  }

  #end(failure: string): void {
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
