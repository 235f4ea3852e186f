/** The counters as tables: once, and between two readings. Pure. */
import type { CounterReading } from '../control/node-api.js';
import { COUNTER_NAMES, COUNTERS, type CounterName, isDrop } from '../core/counters.js';
import type { Look } from './output.js';
import { type Cell, type Column, tableLines } from './table.js';
import { bitRateText, bytesText, countText, rateText } from './units.js';

const NAME: Column = { title: 'COUNTER' };
const COUNT: Column = { title: 'COUNT', align: 'right' };
const RATE: Column = { title: 'RATE', align: 'right' };
const MEANING: Column = { title: 'MEANING', wrap: true };

export interface TimedReading {
  readonly counters: CounterReading;
  readonly atMs: number;
}

export function countersLines(counters: CounterReading, all: boolean, look: Look): string[] {
  const names = counted(counters, all);
  if (names.length === 0) return ['nothing was counted yet (--all shows what could be)'];
  const rows = names.map((name) => [nameCell(name), countCell(name, counters[name]), COUNTERS[name]]);
  return tableLines([NAME, COUNT, MEANING], rows, look);
}

/** @param before undefined: there is no rate yet */
export function ratesLines(before: TimedReading | undefined, now: TimedReading, all: boolean, look: Look): string[] {
  const names = counted(now.counters, all);
  if (names.length === 0) return ['nothing was counted yet (--all shows what could be)'];
  const rows = names.map((name) => [
    nameCell(name),
    countCell(name, now.counters[name]),
    before ? rateCell(name, before, now) : '',
    COUNTERS[name],
  ]);
  return tableLines([NAME, COUNT, RATE, MEANING], rows, look);
}

function counted(counters: CounterReading, all: boolean): CounterName[] {
  return COUNTER_NAMES.filter((name) => all || counters[name] !== 0);
}

/** Drops stand out. */
function nameCell(name: CounterName): Cell {
  return isDrop(name) ? { text: name, style: 'yellow' } : name;
}

function countCell(name: CounterName, count: number): Cell {
  return isBytes(name) ? bytesText(count) : countText(count);
}

function rateCell(name: CounterName, before: TimedReading, now: TimedReading): Cell {
  const perSecond = ((now.counters[name] - before.counters[name]) / (now.atMs - before.atMs)) * 1000;
  const text = isBytes(name) ? bitRateText(perSecond) : rateText(perSecond);
  return { text, style: perSecond === 0 ? 'dim' : 'bold' };
}

function isBytes(name: CounterName): boolean {
  return name.endsWith('_bytes');
}
