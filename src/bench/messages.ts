/**
 * What the two ends of a measurement say to each other, over TCP: a JSON object a line, at most `MAX_LINE` bytes. The
 * first line of a connection says what it is: `hello`, the connection that orders; `stream`, one that carries bytes
 * from behind that line on.
 *
 * ```
 *  client                                        server
 *  hello version                             ->
 *                                            <-  welcome version node token        or refused words
 *  tcp id streams seconds reverse            ->
 *                                            <-  ready id
 *  (so many connections: stream token id, then bytes, one way)
 *                                            <-  counted id bytes ms cpuSeconds …
 *  udp id size seconds joined                ->
 *                                            <-  ready id port
 *  (datagrams with token and id: datagram.ts)
 *  stop id                                   ->
 *                                            <-  counted id packets …
 *  echo id seconds                           ->  as udp; each datagram comes back as it is
 * ```
 *
 * `failed id words` may come instead of `counted`.
 */
import * as z from 'zod';

export const VERSION = 1;
/** Bytes in a line, its end not counted. */
export const MAX_LINE = 1024;
/** Bytes of the token, with which a client proves later that it is the one that was welcomed. */
export const TOKEN_BYTES = 8;

export const MAX_STREAMS = 64;
export const MAX_SECONDS = 600;
/** Of a datagram's payload, bytes: its header, and what IPv4 and IPv6 carry unfragmented under an MTU of 9,000. */
export const MIN_SIZE = 16;
export const MAX_SIZE = 8952;

const id = z.number().int().min(1).max(0x7fff_ffff);
const token = z.string().regex(/^[0-9a-f]{16}$/);
const seconds = z.number().min(0.05).max(MAX_SECONDS);
const count = z.number().int().min(0);
const words = z.string().max(512);
const port = z.number().int().min(1).max(65_535);

/** First lines, and what a client orders. */
const OrderSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), version: z.number().int() }),
  z.strictObject({ type: z.literal('stream'), token, id }),
  z.strictObject({
    type: z.literal('tcp'),
    id,
    streams: z.number().int().min(1).max(MAX_STREAMS),
    seconds,
    reverse: z.boolean(),
  }),
  z.strictObject({
    type: z.literal('udp'),
    id,
    size: z.number().int().min(MIN_SIZE).max(MAX_SIZE),
    seconds,
    joined: z.boolean(),
  }),
  z.strictObject({ type: z.literal('echo'), id, seconds }),
  z.strictObject({ type: z.literal('stop'), id }),
]);

const AnswerSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('welcome'), version: z.number().int(), node: z.string().max(253), token }),
  z.strictObject({ type: z.literal('refused'), words }),
  z.strictObject({ type: z.literal('ready'), id, port: port.optional() }),
  z.strictObject({
    type: z.literal('counted'),
    id,
    /** TCP: bytes that went through, and from the first to the last of them, ms. */
    bytes: count,
    ms: z.number().min(0),
    /** UDP: datagrams that came, those of them that came after a later one, and those that found the socket full. */
    packets: count,
    late: count,
    socketDrops: count,
    /** Seconds that podwire and the server's own process have worked meanwhile. */
    cpuSeconds: z.number().min(0),
  }),
  z.strictObject({ type: z.literal('failed'), id, words }),
]);

export type Order = z.output<typeof OrderSchema>;
export type Answer = z.output<typeof AnswerSchema>;
export type Counted = Extract<Answer, { type: 'counted' }>;

export type OrderOf<Type extends Order['type']> = Extract<Order, { type: Type }>;

/** @returns undefined: no such message */
export function parseOrder(line: string): Order | undefined {
  return parse(OrderSchema, line);
}

/** @returns undefined: no such message */
export function parseAnswer(line: string): Answer | undefined {
  return parse(AnswerSchema, line);
}

export function writeMessage(message: Order | Answer): string {
  return `${JSON.stringify(message)}\n`;
}

function parse<T>(schema: z.ZodType<T>, line: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined; // no JSON
  }
}
