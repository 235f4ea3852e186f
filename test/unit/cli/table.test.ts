import t from 'tap';
import { type Column, tableLines, wrapText } from '../../../src/cli/table.js';

const COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'COUNT', align: 'right' },
  { title: 'WORDS', wrap: true },
];
const ROWS = [
  ['alpha', '1', 'a few words that may be wrapped'],
  ['b', '1,234', ''],
];

const text = (width: number | undefined, colours = false) => tableLines(COLUMNS, ROWS, { width, colours }).join('\n');

t.test('as wide as it needs', async (t) => {
  const whole = `NAME   COUNT  WORDS
alpha      1  a few words that may be wrapped
b      1,234`;
  t.equal(text(undefined), whole);
  t.equal(text(200), whole);
  t.equal(text(45), whole);
});

t.test('narrower: what may wrap does', async (t) => {
  t.equal(
    text(30),
    `NAME   COUNT  WORDS
alpha      1  a few words that
              may be wrapped
b      1,234`,
  );
});

t.test('never narrower than can be read', async (t) => {
  t.equal(
    text(5),
    `NAME   COUNT  WORDS
alpha      1  a few
              words
              that may
              be
              wrapped
b      1,234`,
  );
});

t.test('words stay whole while spare columns can go, addresses always', async (t) => {
  const columns: Column[] = [
    { title: 'NODE' },
    { title: 'PODS', wrap: true },
    { title: 'COUNT', align: 'right', spare: 1 },
    { title: 'SINCE', spare: 2 },
    { title: 'WORDS', wrap: true },
  ];
  const rows = [['alpha', '10.244.117.0/24, fd00:244:0:75::/64', '12', '1m 5s', 'indescribably so']];
  const lines = (width: number) => tableLines(columns, rows, { width, colours: false });
  const beside = (columns: string) => columns.replace('|', '10.244.117.0/24,');
  t.strictSame(lines(59), [
    'NODE   PODS                  COUNT  SINCE  WORDS',
    beside('alpha  |         12  1m 5s  indescribably so'),
    '       fd00:244:0:75::/64',
  ]);
  t.strictSame(lines(52), [
    'NODE   PODS                  SINCE  WORDS',
    beside('alpha  |      1m 5s  indescribably so'),
    '       fd00:244:0:75::/64',
  ]);
  t.strictSame(lines(38), [
    'NODE   PODS                WORDS',
    beside('alpha  |    indescribab'),
    '       fd00:244:0:75::/64  ly so',
  ]);
});

t.test('colours take no room', async (t) => {
  const cells = [[{ text: 'x', style: 'red' as const }, 'y']];
  const columns: Column[] = [{ title: 'LEFT' }, { title: 'RIGHT', align: 'right' }];
  t.strictSame(tableLines(columns, cells, { width: undefined, colours: true }), [
    '\x1b[2mLEFT\x1b[22m  \x1b[2mRIGHT\x1b[22m',
    '\x1b[31mx\x1b[39m         y',
  ]);
  t.strictSame(tableLines(columns, cells, { width: undefined, colours: false }), ['LEFT  RIGHT', 'x         y']);
});

t.test('without titles, without rows', async (t) => {
  t.strictSame(tableLines([{ title: '' }], [['a'], ['b']], { width: 80, colours: false }), ['a', 'b']);
  t.strictSame(tableLines([{ title: 'A' }], [], { width: 80, colours: false }), ['A']);
});

t.test('wrapping', async (t) => {
  t.strictSame(wrapText('', 4), ['']);
  t.strictSame(wrapText('one two', 7), ['one two']);
  t.strictSame(wrapText('one two', 6), ['one', 'two']);
  t.strictSame(wrapText('fd00:244:0:1::/64', 8), ['fd00:244', ':0:1::/6', '4']);
});
