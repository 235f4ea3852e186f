/**
 * Every error that podwire throws on purpose. `code` is stable and for programs, `message` is one line for people: what
 * is wrong, what it did to the state ("nothing was changed"), and how to mend it.
 */
export class PodwireError extends Error {
  readonly code: PodwireErrorCode;

  constructor(code: PodwireErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'PodwireError';
    this.code = code;
  }
}

/** What kind of error it is. */
export type PodwireErrorCode =
  /** Configuration: unknown key, bad value, overlap. */
  | 'CONFIG'
  /** This machine or user cannot: permission, missing kernel feature or program, port taken, device exists. */
  | 'MACHINE'
  /** A program of the machine did not come to its end: the same may succeed when it is tried again. */
  | 'TIMED_OUT'
  /** The addon is not built or switched off, koffi is not installed either, and what was asked needs one of them. */
  | 'NO_ADDON'
  /** No agent answers on the socket. */
  | 'NO_AGENT'
  /** Another agent runs already. */
  | 'RUNNING'
  /** A device or socket that was open is gone. */
  | 'EDGE_LOST'
  /** A shared table is full. */
  | 'TABLE_FULL'
  /** A step that is not safe yet, or not allowed by the cluster. */
  | 'REFUSED'
  /** A mistake of the program itself. */
  | 'INTERNAL';

/** What anything that was thrown says for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
