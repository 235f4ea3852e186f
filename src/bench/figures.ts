/** Results as figures: each a number with a name and a unit, for tables and medians. Pure. */
import { type BenchResult, titleOf } from './results.js';

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly digits: number;
  readonly value: number;
  /** Is more better? */
  readonly more: boolean;
}

export function figuresOf(result: BenchResult): Figure[] {
  const title = titleOf(result);
  switch (result.test) {
    case 'tcp':
      return [
        { name: title, unit: 'Gbit/s', digits: 2, value: result.bitsPerSecond / 1e9, more: true },
        { name: `  CPU`, unit: 's/GB', digits: 2, value: result.cpuSecondsPerGb, more: false },
      ];
    case 'udp':
      return [
        { name: title, unit: 'k/s', digits: 1, value: result.deliveredPerSecond / 1000, more: true },
        { name: '  lost', unit: '%', digits: 1, value: result.loss * 100, more: false },
      ];
    case 'rate':
      return [{ name: title, unit: 'k/s', digits: 1, value: result.packetsPerSecond / 1000, more: true }];
    case 'rtt':
      return [
        { name: `${title}, mean`, unit: 'µs', digits: 0, value: result.meanUs, more: false },
        { name: '  p50', unit: 'µs', digits: 0, value: result.p50Us, more: false },
        { name: '  p99', unit: 'µs', digits: 0, value: result.p99Us, more: false },
      ];
  }
}

export function figureText({ value, digits }: Figure): string {
  return value.toFixed(digits);
}

/** A result in a line. */
export function resultLine(result: BenchResult): string {
  const [first, ...rest] = figuresOf(result).map((figure) => ({
    ...figure,
    text: `${figureText(figure)} ${figure.unit}`,
  }));
  return `${first.name}: ${[first.text, ...rest.map(({ name, text }) => `${name.trim()} ${text}`)].join(', ')}`;
}
