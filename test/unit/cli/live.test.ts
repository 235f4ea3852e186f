import { PassThrough } from 'node:stream';
import t from 'tap';
import { LiveBlock } from '../../../src/cli/live.js';

function screen(facts: { isTTY: boolean; rows?: number }): { block: LiveBlock; written: () => string } {
  const out = Object.assign(new PassThrough(), facts);
  return { block: new LiveBlock(out as unknown as NodeJS.WriteStream), written: () => String(out.read() ?? '') };
}

t.test('on a terminal a block takes the place of the one before', async (t) => {
  const { block, written } = screen({ isTTY: true, rows: 24 });
  block.draw(['a', 'b']);
  t.equal(written(), '\x1b[Ja\nb\n');
  block.draw(['c']);
  t.equal(written(), '\x1b[2A\r\x1b[Jc\n');
  block.draw(['d']);
  t.equal(written(), '\x1b[1A\r\x1b[Jd\n');
});

t.test('it is never higher than the screen', async (t) => {
  const { block, written } = screen({ isTTY: true, rows: 4 });
  block.draw(['a', 'b', 'c', 'd', 'e']);
  t.equal(written(), '\x1b[Ja\nb\n… 3 lines more: make the window higher\n');
  block.draw(['a', 'b', 'c']);
  t.equal(written(), '\x1b[3A\r\x1b[Ja\nb\nc\n');
});

t.test('in a pipe blocks follow each other', async (t) => {
  const { block, written } = screen({ isTTY: false });
  block.draw(['a']);
  block.draw(['b']);
  t.equal(written(), 'a\n\nb\n\n');
});
