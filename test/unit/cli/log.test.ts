import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { createLog, humanLine } from '../../../src/cli/log.js';

const PLAIN = { width: undefined, colours: false };
const COLOURED = { width: undefined, colours: true };

/** A stream that is or is not a terminal, and what was written to it. */
function stream(isTTY: boolean): { out: NodeJS.WriteStream; text: () => string } {
  const out = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  return { out: out as unknown as NodeJS.WriteStream, text: () => String(out.read() ?? '') };
}

t.test('JSON lines where nobody looks', async (t) => {
  const { out, text } = stream(false);
  const log = createLog(out, 'info');
  log.debug({}, 'not told');
  log.warn({ code: 'EDGE_LOST' }, 'the device is gone');
  const { time, ...rest } = JSON.parse(text());
  t.strictSame(rest, { level: 'warn', code: 'EDGE_LOST', msg: 'the device is gone' });
  t.match(time, /^\d{4}-\d\d-\d\dT/);
});

t.test('lines for people on a terminal', async (t) => {
  const { out, text } = stream(true);
  createLog(out, 'debug').debug({ added: ['b', 'c'], removed: [] }, 'peers reloaded');
  t.match(stripVTControlCharacters(text()), /^\d\d:\d\d:\d\d debug peers reloaded {2}added=b,c removed=none\n$/);
});

t.test('a line for people', async (t) => {
  const json = (facts: object) =>
    JSON.stringify({ level: 'info', time: '2024-01-02T03:04:05.678Z', msg: 'said', ...facts });
  t.equal(humanLine(json({}), PLAIN), '03:04:05 info  said\n');
  t.equal(
    humanLine(json({ n: 1, text: 'two words', list: ['a', 'b c'], object: { x: 1 } }), PLAIN),
    '03:04:05 info  said  n=1 text="two words" list=a,"b c" object={ x: 1 }\n',
  );
  t.equal(humanLine(json({}), COLOURED), '\x1b[2m03:04:05\x1b[22m \x1b[32minfo \x1b[39m said\n');
});
