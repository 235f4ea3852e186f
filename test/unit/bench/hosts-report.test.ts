/** Tables and charts of bench:hosts, from two rounds of two overlays. */
import t from 'tap';
import { NAMES, type Sample, type Samples } from '../../../bench/hosts/figures.js';
import { chart, json, table } from '../../../bench/hosts/report.js';

function sample(value: number): Sample {
  return Object.fromEntries(NAMES.map((name) => [name, value])) as Sample;
}

const samples: Samples = new Map([
  ['kernel vxlan', [sample(10), sample(12), sample(11)]],
  ['podwire', [sample(5)]],
]);

t.test('the table has a row for each overlay, with median, least and most', (t) => {
  const lines = table(samples).split('\n');
  t.equal(lines.length, 4);
  t.match(lines[2], /^\| kernel vxlan \| 11\.00 \(10\.00–12\.00\) \|/);
  t.match(lines[3], /^\| podwire \| 5\.00 \(5\.00–5\.00\) \|/);
  t.ok(lines.every((line) => line.split('|').length === lines[0].split('|').length));
  t.end();
});

t.test('the chart has a bar for each overlay in each panel, within its width', (t) => {
  const svg = chart('both', samples);
  const bars = [...svg.matchAll(/<rect x="130" y="\d+" width="([\d.]+)"/g)].map((match) => Number(match[1]));
  t.equal(bars.length, 12);
  t.ok(bars.every((width) => width > 0 && width <= 230));
  t.end();
});

t.test('JSON has every sample', (t) => {
  t.same(JSON.parse(json('m', 'cable', samples)).samples, Object.fromEntries(samples));
  t.end();
});
