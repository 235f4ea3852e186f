import t from 'tap';
import { ipBatch, ipQuery, parseFailures } from '../../../src/os/ip-batch.js';

t.test('failures are told by line, counted from 0', async (t) => {
  const stderr = [
    'RTNETLINK answers: No such process',
    'Command failed -:3',
    'Error: ipv4: Address not found.',
    'Command failed -:11',
    'Cannot find device "nosuch"',
    'Command failed -:12',
    '',
  ].join('\n');
  t.same(
    [...parseFailures(stderr)],
    [
      [2, 'No such process'],
      [10, 'ipv4: Address not found'],
      [11, 'Cannot find device "nosuch"'],
    ],
  );
});

t.test('several lines of reason become one', async (t) => {
  t.same(
    [...parseFailures('Warning: x\nRTNETLINK answers: File exists\nCommand failed -:1\n')],
    [[0, 'Warning: x; File exists']],
  );
  t.same([...parseFailures('Command failed -:2\n')], [[1, 'refused without a reason']]);
});

t.test('no failure', async (t) => {
  t.equal(parseFailures('').size, 0);
  t.equal(parseFailures('Warning: something\n').size, 0);
});

t.test("an ip that is missing is the machine's fault, one that hangs may do better another time", async (t) => {
  const as = (failure: string) => ({ runner: async () => ({ code: undefined, stdout: '', stderr: '', failure }) });
  await t.rejects(ipBatch(['link show'], as('ENOENT')), { code: 'MACHINE', message: /iproute2/ });
  await t.rejects(ipBatch(['link show'], as('SIGKILL')), { code: 'TIMED_OUT', message: /did not finish \(SIGKILL\)/ });
});

t.test('answers are told from words', async (t) => {
  const stdout = 'Warning: something\n[{"a":1}]\n[]\n';
  const answers = await ipQuery(['link show', 'route show'], [], async () => ({ code: 0, stdout, stderr: '' }));
  t.same(answers, [[{ a: 1 }], []]);
});
