/** The log of a running node, on standard error: a line for people on a terminal, a line of JSON everywhere else. */
import { inspect } from 'node:util';
import { pino } from 'pino';
import type { Log } from '../control/agent-types.js';
import { type Look, lookOf, type Style, styled } from './output.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const STYLES: Record<string, Style> = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' };

export function createLog(stream: NodeJS.WriteStream, level: LogLevel): Log {
  const look = lookOf(stream);
  const write = stream.isTTY
    ? (line: string) => stream.write(humanLine(line, look))
    : (line: string) => stream.write(line);
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, { write });
}

/** Turns a JSON line into `12:34:56 warn  message  key=value …`. */
export function humanLine(json: string, look: Look): string {
  const { level, time, msg, err, ...facts } = JSON.parse(json) as Record<string, unknown>;
  const clock = styled(String(time).slice(11, 19), 'dim', look);
  const label = styled(String(level).padEnd(5), STYLES[String(level)] ?? 'bold', look);
  const words = Object.entries(facts).map(([key, value]) => `${key}=${factText(value)}`);
  const tail = words.length === 0 ? '' : `  ${styled(words.join(' '), 'dim', look)}`;
  const stack = isStacked(err) && process.env['PODWIRE_DEBUG'] === '1' ? `\n${err.stack}` : '';
  return `${clock} ${label} ${String(msg)}${tail}${stack}\n`;
}

function factText(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(factText).join(',');
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 2 });
}

function isStacked(err: unknown): err is { stack: string } {
  return typeof err === 'object' && err !== null && 'stack' in err;
}
