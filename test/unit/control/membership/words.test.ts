import t from 'tap';
import {
  eventWords,
  exhaustedWords,
  nameTakenWords,
  refutedWords,
  spentWords,
  subnetWords,
} from '../../../../src/control/membership/words.js';
import { prefix } from '../sample-config.js';

t.test('every event has words of its own, with the node’s name', async (t) => {
  const card = { size: 0 };
  const words = [
    eventWords({ kind: 'joined', node: 1, card }, 'bravo'),
    eventWords({ kind: 'updated', node: 1, card, before: card }, 'bravo'),
    eventWords({ kind: 'suspected', node: 1 }, 'bravo'),
    eventWords({ kind: 'recovered', node: 1 }, 'bravo'),
    eventWords({ kind: 'failed', node: 1 }, 'bravo'),
    eventWords({ kind: 'left', node: 1 }, 'bravo'),
    eventWords({ kind: 'remembered', node: 1, card, state: 2 }, 'bravo'),
    eventWords({ kind: 'forgotten', node: 1, card }, 'bravo'),
  ];
  t.ok(words.every((text) => text.startsWith('bravo ')));
  t.equal(new Set(words).size, words.length);
});

t.test('whose name it is, and what to do', async (t) => {
  t.match(nameTakenWords('bravo', '192.0.2.2:7946', false), /a node at 192\.0\.2\.2:7946: take another with --node$/);
  t.match(
    nameTakenWords('bravo', '192.0.2.2:7946', true),
    /is this machine .* identity back.*--node.*gossip\.forgetAfter/,
  );
});

t.test('who did not reach us', async (t) => {
  t.match(refutedWords(undefined), /^this node is back/);
  t.match(refutedWords('bravo'), /^bravo did not reach this node/);
  t.match(refutedWords(''), /^somebody did not reach this node/, 'who has no name here');
});

t.test('what to do when nothing more can be said', async (t) => {
  t.match(spentWords(), /forgetAfter/);
});

t.test('subnets, and what to do when there are none', async (t) => {
  t.equal(subnetWords({ podCidr: ['10.244.1.0/24', 'fd00::/64'].map(prefix) }), '10.244.1.0/24 and fd00::/64');
  t.match(exhaustedWords({ total: 4, used: 3, kept: 1, free: 0 }), /of 4, 3 are in use and 1 are kept .*forgetAfter/);
});
