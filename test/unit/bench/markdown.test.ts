import t from 'tap';
import { markdownTable } from '../../../bench/markdown.js';

t.test('a table: its head, a line below it, its rows', async (t) => {
  const rows = [
    ['podwire', 5],
    ['', 'none'],
  ];
  t.equal(markdownTable(['', 'Gbit/s'], rows), '|  | Gbit/s |\n|---|---|\n| podwire | 5 |\n|  | none |');
});
