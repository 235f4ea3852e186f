/** How a change becomes known, as a chart: the part of those who could notice it that had noticed it, over time. Pure. */
import { type Chart, chartSvg } from './curves.js';
import type { RunReport, Spread } from './run.js';

/** Draws a curve for each change of each run. @returns an SVG document */
export function convergenceSvg(title: string, reports: readonly RunReport[]): string {
  const several = new Set(reports.map(({ nodes }) => nodes)).size > 1;
  const chart: Chart = {
    title,
    x: 'seconds after it happened',
    y: 'part of the nodes that know',
    curves: reports.flatMap(({ nodes, spreads }) =>
      spreads.map((spread) => ({
        name: several ? `${spread.what}, ${nodes} nodes` : `${spread.what} at ${Math.round(spread.at / 1000)} s`,
        points: pointsOf(spread),
      })),
    ),
  };
  return chartSvg(chart);
}

/** At most two hundred points: a curve of ten thousand looks no different. */
function pointsOf({ times, witnesses }: Spread): [number, number][] {
  const step = Math.max(1, Math.floor(times.length / 200));
  const points = times.flatMap((time, i): [number, number][] =>
    i % step === 0 || i === times.length - 1 ? [[time / 1000, (i + 1) / witnesses]] : [],
  );
  return [[(times[0] ?? 0) / 1000, 0], ...points];
}
