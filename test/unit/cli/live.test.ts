import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import { Screen } from '../../../src/cli/demo/screen.js';
import { LiveBlock } from '../../../src/cli/live.js';
import { lookOf } from '../../../src/cli/output.js';

interface Facts {
  readonly isTTY: boolean;
  readonly rows?: number;
  readonly columns?: number;
  readonly term?: string;
}

function stream(t: Test, { term = 'xterm', ...facts }: Facts): { out: NodeJS.WriteStream; written: () => string } {
  setEnvironment(t, 'TERM', term);
  setEnvironment(t, 'NO_COLOR', '');
  const out = Object.assign(new PassThrough(), facts);
  return { out: out as unknown as NodeJS.WriteStream, written: () => String(out.read() ?? '') };
}

function setEnvironment(t: Test, name: string, value: string): void {
  const before = process.env[name];
  process.env[name] = value;
  t.teardown(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
}

function screen(t: Test, facts: Facts): { block: LiveBlock; written: () => string } {
  const { out, written } = stream(t, facts);
  return { block: new LiveBlock(out), written };
}

t.test('on a terminal a block takes the place of the one before', async (t) => {
  const { block, written } = screen(t, { isTTY: true, rows: 24 });
  block.draw(['a', 'b']);
  t.equal(written(), '\x1b[Ja\nb\n');
  block.draw(['c']);
  t.equal(written(), '\x1b[2A\r\x1b[Jc\n');
  block.draw([]);
  t.equal(written(), '\x1b[1A\r\x1b[J');
  block.draw(['d']);
  t.equal(written(), '\x1b[Jd\n');
});

t.test('it is never higher than the screen', async (t) => {
  const { block, written } = screen(t, { isTTY: true, rows: 4 });
  block.draw(['a', 'b', 'c', 'd', 'e']);
  t.equal(written(), '\x1b[Ja\nb\n… 3 lines more: make the window higher\n');
  block.draw(['a', 'b', 'c']);
  t.equal(written(), '\x1b[3A\r\x1b[Ja\nb\nc\n');
});

for (const columns of [40, 80, 120]) {
  t.test(`no line breaks on a screen of ${columns} columns`, async (t) => {
    const { block, written } = screen(t, { isTTY: true, rows: 24, columns });
    const fits = 'x'.repeat(columns);
    block.draw([fits, `${fits}yz`, `a \x1b[31m${fits}\x1b[39m b`]);
    const clipped = `${'x'.repeat(columns - 1)}…`;
    t.equal(written(), `\x1b[J${fits}\n${clipped}\na \x1b[31m${clipped.slice(2)}\x1b[39m\n`);
    block.draw(['c']);
    t.equal(written(), '\x1b[3A\r\x1b[Jc\n');
  });
}

t.test('at last it is whole, and the next stands below', async (t) => {
  const { block, written } = screen(t, { isTTY: true, rows: 3 });
  block.draw(['a']);
  written();
  block.finish(['a', 'b', 'c', 'd']);
  t.equal(written(), '\x1b[1A\r\x1b[Ja\nb\nc\nd\n');
  block.draw(['e']);
  t.equal(written(), '\x1b[Je\n');
});

for (const [where, facts] of [
  ['in a pipe', { isTTY: false }],
  ['on a terminal that knows nothing', { isTTY: true, rows: 24, term: 'dumb' }],
] as const) {
  t.test(`${where} blocks follow each other`, async (t) => {
    const { block, written } = screen(t, facts);
    block.draw(['a']);
    block.draw(['b']);
    block.finish(['c']);
    t.equal(written(), 'a\n\nb\n\nc\n');
  });

  t.test(`${where} the demo is told in plain lines, and a table once`, async (t) => {
    const { out, written } = stream(t, facts);
    t.equal(lookOf(out).colours, false);
    const story = new Screen(out);
    story.title('A title');
    story.block(['half'], false);
    story.block([`${story.mark(true)} whole`], true);
    t.equal(written(), '\nA title\n✓ whole\n');
  });
}

t.test('on a terminal the demo has colours, and redraws a table until it is final', async (t) => {
  const { out, written } = stream(t, { isTTY: true, rows: 24 });
  const story = new Screen(out);
  story.block(['half'], false);
  story.block([story.mark(true)], true);
  story.line('below');
  t.equal(written(), '\x1b[Jhalf\n\x1b[1A\r\x1b[J\x1b[32m✓\x1b[39m\nbelow\n');
});

t.test('with --json the demo tells nothing', async (t) => {
  const story = new Screen(undefined);
  story.block(['a'], true);
  t.equal(story.mark(false), '✗');
});
