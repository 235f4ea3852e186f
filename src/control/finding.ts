/** What `check` says of one thing. */
export interface Finding {
  /** `bad`: podwire cannot run like this; `warn`: it runs, and something will not work or be slow. */
  readonly level: 'ok' | 'warn' | 'bad';
  readonly subject: string;
  readonly message: string;
  /** What to do; with every `warn` and `bad`. */
  readonly mend?: string;
}

export function ok(subject: string, message: string): Finding {
  return { level: 'ok', subject, message };
}

export function warn(subject: string, message: string, mend: string): Finding {
  return { level: 'warn', subject, message, mend };
}

export function bad(subject: string, message: string, mend: string): Finding {
  return { level: 'bad', subject, message, mend };
}
