/** Word to the service manager that started this process, if one did and wants to hear: sd_notify(3). */
import { readFileSync } from 'node:fs';
import type { SystemCalls } from './system-calls.js';

export class ServiceManager {
  readonly #system: SystemCalls;
  readonly #socket: string | undefined;

  constructor(system: SystemCalls, env: NodeJS.ProcessEnv = process.env) {
    this.#system = system;
    this.#socket = env['NOTIFY_SOCKET'] || undefined;
  }

  /** Whether this process was started as a service: nobody reads what it says, and it is started before all is there. */
  get present(): boolean {
    return this.#socket !== undefined;
  }

  /**
   * Whether it goes on watching another process when it is told to. Not from the first process of a container, with which
   * all others end.
   */
  get follows(): boolean {
    return this.present && process.pid !== 1;
  }

  /** The service does its work. @throws what the kernel says */
  ready(): void {
    this.#say('READY=1');
  }

  /** From now on the service is that process; this one may end. @throws what the kernel says */
  follow(pid: number): void {
    this.#say(`MAINPID=${pid}`);
  }

  #say(message: string): void {
    if (this.#socket !== undefined) this.#system.notify(this.#socket, message);
  }
}

/** Whether a service manager takes both processes for parts of one service: they are in the same cgroups. */
export function inOneService(one: number, other: number): boolean {
  try {
    return readFileSync(`/proc/${one}/cgroup`, 'utf8') === readFileSync(`/proc/${other}/cgroup`, 'utf8');
  } catch {
    return false;
  }
}
