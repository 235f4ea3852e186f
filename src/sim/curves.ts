/** Line charts as SVG, for pages light and dark. Pure. */

export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly curves: readonly Curve[];
  /** Powers of ten are equally far from each other; x is 1 at least. */
  readonly logX?: boolean;
}

const WIDTH = 720;
const HEIGHT = 400;
const LEFT = 64;
const RIGHT = 150;
const TOP = 40;
const BOTTOM = 48;
/** Told apart by people who see red and green alike, on white and on black. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const TICKS = 5;

export function chartSvg({ title, x, y, curves, logX = false }: Chart): string {
  const points = curves.flatMap(({ points: all }) => all);
  const farthest = Math.max(1e-9, ...points.map(([at]) => at));
  const decades = Math.ceil(Math.log10(Math.max(10, farthest)));
  const mostX = niceMost(farthest);
  const mostY = niceMost(Math.max(1e-9, ...points.map(([, value]) => value)));
  const part = (at: number) => (logX ? Math.log10(Math.max(1, at)) / decades : at / mostX);
  const toX = (at: number) => LEFT + part(at) * (WIDTH - LEFT - RIGHT);
  const toY = (value: number) => HEIGHT - BOTTOM - (value / mostY) * (HEIGHT - TOP - BOTTOM);
  const ticks = (most: number) => Array.from({ length: TICKS + 1 }, (_, i) => (most * i) / TICKS);
  const grid = [
    ...(logX ? powers(decades) : ticks(mostX)).map((at) => text(toX(at), HEIGHT - BOTTOM + 18, label(at), 'middle')),
    ...ticks(mostY).map(
      (value) => line(LEFT, toY(value), WIDTH - RIGHT) + text(LEFT - 8, toY(value) + 4, label(value), 'end'),
    ),
  ];
  const drawn = curves.map(({ name, points: all }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = all.map(([at, value]) => `${toX(at).toFixed(1)},${toY(value).toFixed(1)}`).join(' ');
    const legend = TOP + 16 + 20 * i;
    return (
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>` +
      `<rect x="${WIDTH - RIGHT + 14}" y="${legend - 9}" width="12" height="3" fill="${colour}"/>` +
      text(WIDTH - RIGHT + 32, legend - 3, name, 'start')
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#808080">
<title>${escaped(title)}</title>
${text(LEFT, 22, title, 'start', 'font-size="14" font-weight="bold"')}
${grid.join('\n')}
${drawn.join('\n')}
${text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x, 'middle')}
${text(16, (TOP + HEIGHT - BOTTOM) / 2, y, 'middle', `transform="rotate(-90 16 ${(TOP + HEIGHT - BOTTOM) / 2})"`)}
</svg>
`;
}

/** 1 to 10^n. */
function powers(n: number): number[] {
  return Array.from({ length: n + 1 }, (_, i) => 10 ** i);
}

/** The next of 1, 2, 5 times a power of ten. */
function niceMost(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 5, 10].find((step) => step * power >= most * 0.999) ?? 10) * power;
}

function label(value: number): string {
  if (value >= 10_000) return `${value / 1000}k`;
  return String(Number(value.toPrecision(3)));
}

function line(x: number, y: number, to: number): string {
  return `<line x1="${x}" y1="${y.toFixed(1)}" x2="${to}" y2="${y.toFixed(1)}" stroke="#808080" stroke-opacity="0.25"/>`;
}

function text(x: number, y: number, words: string, anchor: string, more = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${more}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
