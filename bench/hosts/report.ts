/** The figures of all overlays as a table, as JSON and as a chart: pure. */
import { median } from '../../src/bench/statistics.js';
import { markdownTable } from '../markdown.js';
import { FIGURES, type Figure, NAMES, type Samples } from './figures.js';

/** Medians and, in brackets, least and most. */
export function table(samples: Samples): string {
  const head = NAMES.map((name) => `${FIGURES[name].title} (${FIGURES[name].unit})`);
  const rows = [...samples].map(([overlay, rounds]) => {
    const cells = NAMES.map((name) => {
      const values = rounds.map((sample) => sample[name]);
      const text = (value: number) => value.toFixed(FIGURES[name].digits);
      return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
    });
    return [overlay, ...cells];
  });
  return markdownTable(['', ...head], rows);
}

export function json(machine: string, laboratory: string, samples: Samples): string {
  return `${JSON.stringify({ machine, laboratory, samples: Object.fromEntries(samples) }, null, 2)}\n`;
}

const CHARTED: readonly Figure[] = ['tcp1', 'tcp4', 'udp64', 'cpuPerGb', 'rttMean', 'loadedRttP99'];
const [NAME_WIDTH, BAR_WIDTH, VALUE_WIDTH, ROW, GAP] = [130, 230, 60, 18, 34];
const PANEL = NAME_WIDTH + BAR_WIDTH + VALUE_WIDTH;
const COLUMNS = 2;

/** A panel for each figure, a bar for each overlay: the median; the line over it, least to most. */
export function chart(title: string, samples: Samples): string {
  const height = samples.size * ROW + GAP;
  const panels = CHARTED.map((figure, i) => {
    const [x, y] = [(i % COLUMNS) * PANEL, 30 + Math.floor(i / COLUMNS) * height];
    return `<g transform="translate(${x} ${y})">${panel(figure, samples)}</g>`;
  });
  const size = [COLUMNS * PANEL, 30 + Math.ceil(CHARTED.length / COLUMNS) * height];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.join(' ')}" font-family="sans-serif" font-size="11">`,
    `<rect width="${size[0]}" height="${size[1]}" fill="white"/>`,
    `<text x="8" y="18" font-size="14">${title}</text>`,
    ...panels,
    '</svg>\n',
  ].join('\n');
}

function panel(figure: Figure, samples: Samples): string {
  const { title, unit, digits, more } = FIGURES[figure];
  const rows = [...samples].map(([overlay, rounds]) => ({ overlay, values: rounds.map((sample) => sample[figure]) }));
  const scale = BAR_WIDTH / Math.max(...rows.flatMap(({ values }) => values));
  const bars = rows.map(({ overlay, values }, i) => {
    const [least, middle, most] = [Math.min(...values), median(values), Math.max(...values)];
    const y = 16 + i * ROW;
    const width = (value: number) => (NAME_WIDTH + value * scale).toFixed(1);
    return [
      `<text x="${NAME_WIDTH - 6}" y="${y + 11}" text-anchor="end">${overlay}</text>`,
      `<rect x="${NAME_WIDTH}" y="${y + 2}" width="${(middle * scale).toFixed(1)}" height="${ROW - 6}" fill="${overlay.startsWith('podwire') ? '#c2410c' : '#94a3b8'}"/>`,
      `<line x1="${width(least)}" x2="${width(most)}" y1="${y + 8}" y2="${y + 8}" stroke="#0f172a"/>`,
      `<text x="${NAME_WIDTH + BAR_WIDTH + 6}" y="${y + 11}">${middle.toFixed(digits)}</text>`,
    ].join('');
  });
  const words = `${title}, ${unit}; ${more ? 'more' : 'less'} is better`;
  return `<text x="${NAME_WIDTH}" y="10" font-weight="bold">${words}</text>\n${bars.join('\n')}`;
}
