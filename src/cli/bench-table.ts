/** Measurements as tables. Pure. */
import { type Figure, figuresOf, figureText } from '../bench/figures.js';
import { limitWords } from '../bench/limits.js';
import { CONTENDERS, type LocalReport, type Rounds } from '../bench/local.js';
import { type BenchResult, titleOf } from '../bench/results.js';
import { median } from '../bench/statistics.js';
import type { Look } from './output.js';
import { type Cell, type Column, tableLines } from './table.js';

/** @param loopback undefined: not measured */
export function resultsTable(
  results: readonly BenchResult[],
  loopback: readonly BenchResult[] | undefined,
  look: Look,
): string[] {
  const columns: Column[] = [
    { title: 'WHAT' },
    { title: 'UNIT' },
    { title: 'FIGURE', align: 'right' },
    ...(loopback ? [{ title: 'LOOPBACK', align: 'right' } as const] : []),
  ];
  const rows = results.flatMap((result) => {
    const own = figuresIn(loopback, result);
    return figuresOf(result).map((figure, i): Cell[] => [
      figure.name,
      figure.unit,
      figureText(figure),
      ...(loopback ? [own ? figureText(own[i]) : '-'] : []),
    ]);
  });
  return tableLines(columns, rows, look);
}

/** A table for each laboratory: medians, in brackets least and most. */
export function localTables({ laboratories, loopback }: LocalReport, look: Look): string[] {
  return laboratories.flatMap(({ laboratory, rounds }) => {
    const contenders = CONTENDERS.flatMap((name) => {
      const found = rounds[name];
      return found ? [{ name, rounds: found }] : [];
    });
    const columns: Column[] = [
      { title: laboratory.toUpperCase() },
      { title: 'UNIT' },
      ...contenders.map(({ name }): Column => ({ title: name.toUpperCase(), align: 'right' })),
      ...(contenders.length === 2 ? [{ title: "OF THE KERNEL'S", align: 'right' } as const] : []),
      { title: 'LOOPBACK', align: 'right' },
    ];
    const [first] = contenders[0]?.rounds ?? [];
    const rows = (first ?? []).flatMap((result, nth) => {
      const own = figuresIn(loopback, result);
      return figuresOf(result).map((figure, i): Cell[] => {
        const spreads = contenders.map((contender) => valuesAt(contender.rounds, nth, i));
        const [ours, kernel] = spreads.map(median);
        return [
          figure.name,
          figure.unit,
          ...spreads.map((values) => spreadText(figure, values)),
          ...(contenders.length === 2 ? [kernel > 0 ? (ours / kernel).toFixed(2) : '-'] : []),
          own ? figureText(own[i]) : '-',
        ];
      });
    });
    const words = contenders.flatMap((contender) => {
      const found = new Set(contender.rounds.flatMap((results) => limitWords(results, loopback)));
      return [...found].map((line) => `! ${contender.name}, ${line}`);
    });
    return [...tableLines(columns, rows, look), ...words, ''];
  });
}

function valuesAt(rounds: Rounds, nth: number, figure: number): number[] {
  return rounds.flatMap((results) => (nth < results.length ? figuresOf(results[nth])[figure].value : []));
}

function spreadText(figure: Figure, values: readonly number[]): string {
  const text = (value: number) => figureText({ ...figure, value });
  if (values.length === 1) return text(values[0]);
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}

/** The figures of the same test. */
function figuresIn(results: readonly BenchResult[] | undefined, like: BenchResult): Figure[] | undefined {
  const found = results?.find((one) => titleOf(one) === titleOf(like));
  return found && figuresOf(found);
}
