/** CNI 1.1, "Error": what a plugin says on standard output when it fails. */

/** The codes that the specification gives out; those of our own begin at 100. */
export const CNI = {
  VERSION: 1,
  UNSUPPORTED_FIELD: 2,
  ENVIRONMENT: 4,
  IO: 5,
  DECODE: 6,
  CONFIG: 7,
  TRY_AGAIN: 11,
  UNAVAILABLE: 50,
  LIMITED: 51,
  /** There is an attachment, or an interface, of that name already. */
  EXISTS: 100,
  /** No address is left, or the one that was asked for is not to be had. */
  NO_ADDRESS: 101,
  /** The kernel refused. */
  KERNEL: 102,
  /** CHECK found something missing. */
  NOT_AS_MADE: 103,
  /** This network does not carry the attachment. */
  NOT_HERE: 104,
} as const;

export type CniCode = (typeof CNI)[keyof typeof CNI];

export class CniError extends Error {
  readonly code: CniCode;
  /** More, for who looks closer. */
  readonly details: string | undefined;

  /** @param message one line: what is wrong, what it did to the state, how to mend it */
  constructor(code: CniCode, message: string, details?: string) {
    super(message);
    this.name = 'CniError';
    this.code = code;
    this.details = details;
  }
}
