import t from 'tap';
import { LAN } from '../../../../src/core/swim/profile.js';
import { ALIVE, DEAD, LEFT, type MemberState, SUSPECT } from '../../../../src/core/swim/types.js';
import { alive, dead, left, suspect, TestMachine } from './machine.js';
import { card, PACKET_OVERHEAD } from './network.js';

/** A member's record as another node pushes it. */
const record = (node: number, state: MemberState, incarnation: number, ageMs = 0, owner = `owner ${node}`) => ({
  node,
  state,
  incarnation,
  card: card(owner, '', incarnation),
  ageMs,
});
const kinds = (machine: TestMachine) => machine.events.map(({ kind }) => kind);
const everybody = () => true;

t.test('a ping is answered, by its target alone, to wherever it came from', async (t) => {
  const machine = new TestMachine(1);
  machine.probe(1, { kind: 'ping', seq: 77, target: 0 }, 'way back');
  machine.probe(99, { kind: 'ping', seq: 78, target: 0 }, 'a stranger');
  machine.probe(1, { kind: 'ping', seq: 79, target: 5 });
  const answers = machine.sent.map(({ to, packet, via }) => [to, packet.probe, via]);
  t.same(answers, [
    [1, { kind: 'ack', seq: 77 }, 'way back'],
    [99, { kind: 'ack', seq: 78 }, 'a stranger'],
  ]);
  t.equal(machine.swim.counts.misdirected, 1);
});

t.test('packets of our own that come back are nobody’s', async (t) => {
  const machine = new TestMachine(2);
  machine.swim.handlePacket({ from: 0, updates: [dead(1, 1, 0)] }, 0);
  t.equal(machine.swim.member(1)?.state, ALIVE);
  t.equal(machine.swim.counts.misdirected, 1);
});

t.test('an ack in time: the round-trip time is known, nobody is suspected', async (t) => {
  const machine = new TestMachine(5);
  const ping = machine.runUntil('ping');
  t.equal(machine.swim.member(ping.to)?.rttMs, undefined);
  machine.now += 12;
  machine.probe(ping.to, { kind: 'ack', seq: ping.probe.seq });
  t.equal(machine.swim.member(ping.to)?.rttMs, 12);
  machine.forgetOutput();
  machine.run(987);
  t.equal(machine.sent.filter(({ packet }) => packet.probe !== undefined).length, 0, 'the interval is kept');
  machine.run(2);
  t.equal(machine.sent.filter(({ packet }) => packet.probe?.kind === 'ping').length, 1);
  t.same(kinds(machine), []);
});

t.test('an ack counts from whom it was asked, with the number that was asked', async (t) => {
  const machine = new TestMachine(5);
  const ping = machine.runUntil('ping');
  machine.probe(ping.to, { kind: 'ack', seq: ping.probe.seq + 1 });
  machine.probe(ping.to === 1 ? 2 : 1, { kind: 'ack', seq: ping.probe.seq });
  machine.swim.handleStreamAck(ping.probe.seq, machine.now);
  t.equal(machine.swim.counts.unknownAcks, 3);
  machine.run(1000);
  t.same(kinds(machine), ['suspected']);
  machine.probe(ping.to, { kind: 'ack', seq: ping.probe.seq });
  t.equal(machine.swim.counts.unknownAcks, 4, 'too late');
});

t.test('a missed ack: three helpers and a stream are asked, then comes suspicion', async (t) => {
  const machine = new TestMachine(6);
  const ping = machine.runUntil('ping');
  const request = machine.runUntil('ping-request');
  t.equal(request.at - ping.at, LAN.probeTimeout);
  const requests = machine.sent.filter(({ packet }) => packet.probe?.kind === 'ping-request');
  t.equal(new Set(requests.map(({ to }) => to)).size, 3);
  t.notOk(requests.some(({ to }) => to === ping.to));
  for (const { packet } of requests) {
    t.same(packet.probe, { kind: 'ping-request', seq: ping.probe.seq, target: ping.to });
  }
  t.same(machine.streamPings, [{ to: ping.to, seq: ping.probe.seq }]);
  machine.run(LAN.probeInterval - LAN.probeTimeout - 1);
  t.same(kinds(machine), []);
  machine.run(1);
  t.same(machine.events, [{ kind: 'suspected', node: ping.to }]);
  t.equal(machine.swim.awareness, 3, 'no helper said anything: it may be us');
});

t.test('helpers get their time, however late they were asked', async (t) => {
  const machine = new TestMachine(6);
  machine.runUntil('ping');
  machine.now += 2500;
  machine.swim.wake(machine.now);
  t.equal(machine.streamPings.length, 1);
  machine.run(499);
  t.same(kinds(machine), []);
  machine.run(1);
  t.same(kinds(machine), ['suspected']);
});

t.test('hearsay does not confirm a suspicion', async (t) => {
  const machine = new TestMachine(30);
  machine.hear(2, suspect(1, 1, 2));
  machine.forgetOutput();
  machine.swim.mergeState([record(1, SUSPECT, 1), record(1, DEAD, 1)], machine.now);
  machine.run(34_000, everybody);
  t.same(kinds(machine), [], 'one confirmation would have made it 17 s');
  machine.run(3000, everybody);
  t.same(kinds(machine), ['failed']);
});

t.test('a helper’s ack or a stream’s is an answer as well', async (t) => {
  for (const how of ['helper', 'stream'] as const) {
    const machine = new TestMachine(6);
    const ping = machine.runUntil('ping');
    const request = machine.runUntil('ping-request');
    if (how === 'helper') machine.probe(request.to, { kind: 'ack', seq: ping.probe.seq });
    else machine.swim.handleStreamAck(ping.probe.seq, machine.now);
    machine.run(500, everybody);
    t.same(kinds(machine), [], how);
    t.equal(machine.swim.member(ping.to)?.rttMs, undefined, 'not measured');
    t.equal(machine.swim.awareness, 0);
  }
});

t.test('nacks speak for our own health; each helper has one', async (t) => {
  const machine = new TestMachine(6);
  const ping = machine.runUntil('ping');
  machine.runUntil('ping-request');
  const helpers = machine.sent.filter(({ packet }) => packet.probe?.kind === 'ping-request').map(({ to }) => to);
  for (const helper of [helpers[0], helpers[1], helpers[1], 99]) {
    machine.probe(helper, { kind: 'nack', seq: ping.probe.seq });
  }
  t.equal(machine.swim.counts.unknownAcks, 2);
  machine.run(500);
  t.equal(machine.swim.awareness, 1, 'one is missing');
  t.equal(machine.swim.member(ping.to)?.state, SUSPECT);
});

t.test('without helpers a failed probe is one point; good probes take it back', async (t) => {
  const machine = new TestMachine(1, { ...LAN, streamPing: false });
  machine.runUntil('ping');
  machine.run(1000);
  t.equal(machine.swim.awareness, 1);
  t.same(machine.streamPings, []);
  const second = machine.sent.filter(({ packet }) => packet.probe?.kind === 'ping')[1];
  machine.probe(1, { kind: 'ack', seq: second.packet.probe?.seq ?? 0 });
  t.equal(machine.swim.awareness, 0);
  const third = machine.runUntil('ping');
  t.equal(third.at - second.at, 2 * LAN.probeInterval, 'the interval had been stretched by bad health');
});

t.test('who left or died while it was probed owes no answer', async (t) => {
  const machine = new TestMachine(1);
  machine.runUntil('ping');
  machine.hear(1, left(1, 1));
  machine.run(5000);
  t.equal(machine.swim.awareness, 0);
  t.same(kinds(machine), ['left']);
});

t.test('what a member says while it is probed is a sign of life', async (t) => {
  const machine = new TestMachine(1);
  machine.runUntil('ping');
  machine.hear(1, alive(1, 2));
  machine.run(1000);
  t.equal(machine.swim.member(1)?.state, ALIVE);
});

t.test('a helper pings for another and passes its ack on', async (t) => {
  const machine = new TestMachine(2);
  machine.probe(1, { kind: 'ping-request', seq: 500, target: 2 }, 'way back');
  const { to, packet } = machine.sent[0];
  const seq = packet.probe?.seq ?? 0;
  t.equal(to, 2);
  t.same(packet.probe, { kind: 'ping', seq, target: 2 });
  machine.probe(1, { kind: 'ack', seq });
  t.equal(machine.sent.length, 1, 'only the target can answer');
  machine.probe(2, { kind: 'ack', seq });
  t.same(
    [machine.sent[1].to, machine.sent[1].packet.probe, machine.sent[1].via],
    [1, { kind: 'ack', seq: 500 }, 'way back'],
  );
});

t.test('a nack goes out before the asker’s deadline, once', async (t) => {
  const machine = new TestMachine(2);
  machine.run(3000, everybody);
  machine.forgetOutput();
  const asked = machine.now;
  machine.probe(1, { kind: 'ping-request', seq: 501, target: 2 });
  machine.run(3000);
  const nacks = machine.sent.filter(({ packet }) => packet.probe?.kind === 'nack');
  t.same(
    nacks.map(({ at, to, packet }) => [at - asked, to, packet.probe]),
    [[400, 1, { kind: 'nack', seq: 501 }]],
  );
});

t.test('a helper that cannot says so at once; the target itself just answers', async (t) => {
  const machine = new TestMachine(2);
  machine.probe(1, { kind: 'ping-request', seq: 1, target: 50 });
  machine.probe(1, { kind: 'ping-request', seq: 2, target: 0 });
  t.same(
    machine.sent.map(({ packet }) => packet.probe),
    [
      { kind: 'nack', seq: 1 },
      { kind: 'ack', seq: 2 },
    ],
  );
  for (let seq = 0; seq < 1100; seq++) machine.probe(1, { kind: 'ping-request', seq, target: 2 });
  t.equal(machine.swim.counts.refusedRelays, 1 + 76, '1,024 at a time');
});

t.test('an accused node refutes with the incarnation after the accusation’s, in the very answer', async (t) => {
  const machine = new TestMachine(3);
  machine.swim.handlePacket(
    { from: 2, probe: { kind: 'ping', seq: 1, target: 0 }, updates: [suspect(0, 7, 3)] },
    machine.now,
  );
  t.equal(machine.swim.incarnation, 8);
  t.equal(machine.swim.awareness, 1);
  t.same(machine.events, [{ kind: 'refuted', incarnation: 8, from: 3 }]);
  t.ok(machine.sent[0].packet.updates.some((u) => u.kind === 'alive' && u.node === 0 && u.card.text === 'renewed 8'));
  machine.hear(2, suspect(0, 7, 1), dead(0, 7, 1));
  t.equal(machine.swim.incarnation, 8, 'what is refuted already');
  machine.hear(2, dead(0, 8, 1));
  machine.hear(2, left(0, 9));
  t.equal(machine.swim.incarnation, 10);
});

t.test('who brings an accusation that was answered already has not heard: it is told, and nobody else', async (t) => {
  const machine = new TestMachine(4);
  machine.hear(1, { kind: 'suspect', node: 0, incarnation: 1, from: 1 });
  machine.forgetOutput();
  machine.hear(2, { kind: 'suspect', node: 0, incarnation: 1, from: 3 });
  t.match(machine.sent, [{ to: 2, packet: { updates: [{ kind: 'alive', node: 0, incarnation: 2 }] } }]);
  t.equal(machine.sent.length, 1);
  t.equal(machine.swim.incarnation, 2, 'in the same words');

  machine.swim.leave(machine.now);
  machine.forgetOutput();
  machine.hear(2, { kind: 'dead', node: 0, incarnation: 1, from: 3 });
  t.strictSame(machine.sent, [], 'who leaves objects to nothing');
});

t.test('a restarted node outdoes what is remembered of it', async (t) => {
  for (const state of [ALIVE, SUSPECT, DEAD, LEFT] as const) {
    const machine = new TestMachine(0);
    machine.swim.mergeState([record(0, state, 41), record(1, ALIVE, 1)], 0);
    t.equal(machine.swim.incarnation, 42);
    t.same(machine.swim.member(0)?.state, ALIVE);
  }
  const machine = new TestMachine(0);
  machine.swim.mergeState([record(0, ALIVE, 1)], 0);
  t.equal(machine.swim.incarnation, 1, 'an echo is no accusation');
});

t.test('a foreign card is a conflict and changes nothing', async (t) => {
  const machine = new TestMachine(2);
  const stolen = card('a thief', '', 9);
  machine.hear(2, { kind: 'alive', node: 1, incarnation: 9, card: stolen });
  machine.hear(2, { kind: 'alive', node: 1, incarnation: 0, card: stolen });
  machine.swim.mergeState([record(1, SUSPECT, 9, 0, 'a thief'), record(1, DEAD, 9, 0, 'a thief')], 0);
  t.same(kinds(machine), ['conflict', 'conflict', 'conflict'], 'who is gone claims nothing: that is passed over');
  t.same([machine.swim.member(1)?.state, machine.swim.member(1)?.incarnation], [ALIVE, 1]);
  machine.forgetOutput();
  machine.hear(2, { kind: 'alive', node: 0, incarnation: 9, card: stolen });
  machine.swim.mergeState([record(0, DEAD, 9, 0, 'a thief')], 0);
  t.same(kinds(machine), ['conflict', 'conflict']);
  t.equal(machine.swim.incarnation, 1, 'our name is not fought for by numbers');
  t.equal(machine.swim.counts.conflicts, 5);
});

t.test('a suspect is told so first, whatever is sent to it', async (t) => {
  const machine = new TestMachine(30);
  machine.hear(2, suspect(1, 1, 2));
  machine.forgetOutput();
  machine.probe(1, { kind: 'ping', seq: 1, target: 0 });
  t.same(machine.sent[0].packet.updates[0], suspect(1, 1, 0));
  machine.hear(2, dead(1, 1, 2));
  machine.probe(1, { kind: 'ping', seq: 2, target: 0 });
  t.same(machine.sent[1].packet.updates[0], dead(1, 1, 0));
  for (let node = 31; node < 99; node++) machine.hear(2, alive(node));
  machine.probe(1, { kind: 'ping', seq: 3, target: 0 });
  const bytes = machine.sent[2].packet.updates.reduce((sum, u) => sum + (u.kind === 'alive' ? 60 : 20), 0);
  t.ok(bytes > 1240 && bytes <= LAN.packetBytes - PACKET_OVERHEAD, `${bytes} bytes with the claim`);
});

t.test('packets keep to their size, and what is told is told so often', async (t) => {
  const machine = new TestMachine(0);
  for (let node = 1; node <= 99; node++) machine.hear(1, alive(node));
  machine.run(60_000, everybody);
  const times = new Map<number, number>();
  for (const { packet } of machine.sent) {
    const bytes = packet.updates.reduce((sum, u) => sum + (u.kind === 'alive' ? 60 : 20), PACKET_OVERHEAD);
    t.ok(bytes <= 1400);
    for (const { node } of packet.updates) times.set(node, (times.get(node) ?? 0) + 1);
  }
  t.same([...times.values()], new Array(100).fill(12), '4 * ceil(log10 101)');
  t.equal(machine.swim.pending, 0);
});

t.test('nobody is woken for gossip where there is nothing to tell, or nobody', async (t) => {
  for (const members of [3, 0]) {
    const machine = new TestMachine(members);
    machine.run(20_000, everybody);
    t.equal(machine.swim.pending > 0, members === 0, 'its own card waits for somebody');
    let wakes = 0;
    for (const until = machine.now + 20_000; machine.swim.wakeAt() <= until; wakes++) {
      machine.run(machine.swim.wakeAt() - machine.now, everybody);
    }
    t.ok(wakes >= 19 && wakes <= 22, `${wakes} in 20 s`);
  }
});

t.test('news goes out at once, then every gossip interval, to three', async (t) => {
  const machine = new TestMachine(20);
  machine.run(20_000, everybody);
  machine.forgetOutput();
  const heard = machine.now;
  machine.hear(1, alive(1, 2, 'new'));
  machine.run(900, everybody);
  const gossip = machine.sent.filter(({ packet }) => packet.probe === undefined);
  t.same(
    gossip.slice(0, 6).map(({ at }) => at - heard),
    [0, 0, 0, 200, 200, 200],
  );
  t.equal(new Set(gossip.slice(0, 3).map(({ to }) => to)).size, 3);
});

t.test('much news goes out in several packets to each, all of it different', async (t) => {
  const machine = new TestMachine(5);
  machine.run(20_000, everybody);
  for (let node = 10; node < 110; node++) machine.hear(1, alive(node));
  machine.forgetOutput();
  machine.swim.wake(machine.now);
  const packets = machine.sent.filter(({ packet }) => packet.probe === undefined);
  t.equal(packets.length, 3 * LAN.gossipPackets);
  const first = packets.filter(({ to }) => to === packets[0].to).flatMap(({ packet }) => packet.updates);
  t.equal(first.length, 4 * 21, 'of 60 bytes in 1,300');
  t.equal(new Set(first.map(({ node }) => node)).size, first.length);
});

t.test('the dead are told for a while, who left is not', async (t) => {
  const machine = new TestMachine(2);
  machine.run(10_000, everybody);
  machine.hear(2, dead(1, 1, 2), left(2, 1));
  machine.forgetOutput();
  machine.run(1000);
  t.same(new Set(machine.sent.map(({ to }) => to)), new Set([1]));
  machine.run(40_000);
  machine.forgetOutput();
  machine.swim.update(card('owner 0', 'late', 2), machine.swim.nextIncarnation(), machine.now);
  machine.run(5000);
  t.same(machine.sent, []);
  t.equal(machine.swim.pending, 1, 'kept for whoever comes');
});

t.test('exchanged states: news of any state is taken, the dead are asked first', async (t) => {
  const machine = new TestMachine(2);
  machine.swim.mergeState(
    [record(1, DEAD, 1), record(2, LEFT, 1), record(3, ALIVE, 5), record(4, SUSPECT, 2), record(5, DEAD, 3, 600_000)],
    1000,
  );
  t.same(
    machine.events.map((event) => [event.kind, 'node' in event && event.node]),
    [
      ['suspected', 1],
      ['left', 2],
      ['joined', 3],
      ['joined', 4],
      ['suspected', 4],
      ['remembered', 5],
    ],
  );
  t.equal(machine.swim.member(5)?.since, -599_000);
  t.equal(machine.swim.alive, 4);
  t.equal(machine.swim.size, 6);
  machine.hear(1, alive(5, 3));
  t.equal(machine.swim.member(5)?.state, DEAD, 'the same incarnation does not rise');
  machine.hear(1, alive(5, 4));
  t.equal(machine.swim.member(5)?.state, ALIVE);
});

t.test('an accusation of a later incarnation makes no old card new', async (t) => {
  for (const state of [SUSPECT, LEFT] as const) {
    const machine = new TestMachine(2);
    machine.hear(1, alive(1, 5, 'new'));
    machine.forgetOutput();
    machine.swim.mergeState([{ node: 1, state, incarnation: 6, card: card('owner 1', 'old', 4), ageMs: 0 }], 0);
    t.match(machine.swim.member(1), { state, incarnation: 6, card: { text: 'new' } });
    t.same(kinds(machine), [state === SUSPECT ? 'suspected' : 'left'], 'the accusation counts');
  }
  const machine = new TestMachine(2);
  machine.hear(2, alive(1, 5, 'new'), dead(1, 5, 2));
  machine.swim.mergeState([{ node: 1, state: DEAD, incarnation: 6, card: card('owner 1', 'old', 4), ageMs: 0 }], 0);
  t.match(machine.swim.member(1), { state: DEAD, incarnation: 6, card: { text: 'new' } }, 'nor among the dead');
});

t.test('a newer card is taken though an accusation of its incarnation was here before it', async (t) => {
  for (const [accusation, state, kind] of [
    [suspect(1, 5, 2), SUSPECT, 'updated'],
    [dead(1, 5, 2), DEAD, 'remembered'],
    [left(1, 5), LEFT, 'remembered'],
  ] as const) {
    const news = card('owner 1', 'new', 5);
    for (const tell of [
      (machine: TestMachine) => machine.hear(1, { kind: 'alive', node: 1, incarnation: 5, card: news }),
      (machine: TestMachine) => machine.swim.mergeState([{ node: 1, state, incarnation: 5, card: news, ageMs: 0 }], 0),
    ]) {
      const machine = new TestMachine(2);
      machine.hear(2, accusation);
      machine.forgetOutput();
      tell(machine);
      t.match(machine.swim.member(1), { state, incarnation: 5, card: news }, 'the accusation stands');
      t.same(kinds(machine), [kind]);
      tell(machine);
      t.same(kinds(machine), [kind], 'once');
      machine.hear(1, alive(1, 6, 'newest'));
      t.match(machine.swim.member(1), { state: ALIVE, card: { text: 'newest' } });
    }
  }
});

t.test('pushed and merged, a state is the same elsewhere', async (t) => {
  const a = new TestMachine(5);
  a.hear(1, left(2, 1), alive(3, 8, 'x'));
  const b = new TestMachine(0);
  // The same node number for both would be an echo: b is asked what it knows of the others.
  b.swim.mergeState([...a.swim.pushState(0)], 0);
  for (let node = 1; node <= 5; node++) {
    const { state, incarnation, card } = a.swim.member(node) ?? {};
    t.match(b.swim.member(node), { state, incarnation, card });
  }
});

t.test('when many come back from the dead, states are exchanged soon, once', async (t) => {
  const machine = new TestMachine(80);
  const back = Array.from({ length: 20 }, (_, i) => i + 1);
  machine.hear(80, ...back.map((node) => dead(node, 1, 80)));
  machine.run(125_000, everybody);
  machine.forgetOutput();
  machine.hear(80, ...back.slice(0, 5).map((node) => alive(node, 2)));
  machine.run(10_000, everybody);
  t.equal(machine.synced.length, 0, 'a few may come and go');
  machine.hear(80, ...back.slice(5).map((node) => alive(node, 2)));
  machine.run(10_000, everybody);
  t.equal(machine.synced.length, 1);
  machine.run(60_000, everybody);
  t.equal(machine.synced.length, 1);
});

t.test('who comes in alone does not tell the others what they have long known', async (t) => {
  const long = [1, 2, 3, 4].map((node) => record(node, ALIVE, 1, 3_600_000));
  const newcomer = new TestMachine(0);
  newcomer.swim.mergeState(long, 0);
  t.equal(newcomer.swim.pending, 1, 'only itself');
  const member = new TestMachine(1);
  const before = member.swim.pending;
  member.swim.mergeState(long, 0);
  t.equal(member.swim.pending, before + 3, 'two halves that meet');
  const first = new TestMachine(0);
  first.swim.mergeState([record(1, ALIVE, 1, 100)], 0);
  t.equal(first.swim.pending, 2, 'the young are news');
});

t.test('the dead and the left are remembered for an hour, then forgotten', async (t) => {
  const machine = new TestMachine(3);
  machine.hear(3, dead(1, 1, 3), left(2, 1));
  machine.swim.mergeState([record(9, DEAD, 1, 3_000_000), record(10, DEAD, 1, 3_599_000)], machine.now);
  t.equal(machine.swim.member(10), undefined, 'not worth remembering any more');
  machine.forgetOutput();
  machine.run(590_000, everybody);
  t.equal(machine.swim.member(9)?.state, DEAD);
  machine.run(80_000, everybody);
  t.equal(machine.swim.member(9), undefined);
  machine.run(2_900_000, everybody);
  t.equal(machine.swim.size, 4);
  machine.run(100_000, everybody);
  t.same(
    new Set(machine.events.map((e) => [e.kind, 'node' in e && e.node].join())),
    new Set(['forgotten,9', 'forgotten,1', 'forgotten,2']),
  );
  t.equal(machine.swim.size, 2);
  t.equal(machine.cards.size, 1, 'their cards are released');
});

t.test('no more members than may be', async (t) => {
  const machine = new TestMachine(0, { ...LAN, maxMembers: 3 });
  machine.hear(1, alive(1), alive(2), alive(3));
  machine.swim.mergeState([record(4, DEAD, 1), record(5, SUSPECT, 1)], 0);
  t.equal(machine.swim.size, 3);
  t.equal(machine.swim.counts.refusedMembers, 3);
});

t.test('claims that are not worth anything are counted', async (t) => {
  const machine = new TestMachine(1);
  machine.hear(
    1,
    alive(1),
    suspect(7, 1, 1),
    dead(8, 1, 1),
    left(9, 1),
    alive(2, 2 ** 32),
    alive(2, -1),
    alive(2, 0.5),
  );
  t.match(machine.swim.counts, { staleUpdates: 1, unknownNodes: 3, invalidUpdates: 3 });
  t.equal(machine.swim.size, 2);
  machine.hear(1, { kind: 'alive', node: 3, incarnation: 1, card: { ...card('x'), size: 2000 } });
  t.equal(machine.swim.counts.oversizedUpdates, 1);
});

t.test('an accusation of what its node cannot have come to is dropped, of this node and of others', async (t) => {
  const machine = new TestMachine(3);
  machine.latest = 100;
  machine.hear(2, ...[0, 1].flatMap((node) => [suspect(node, 101, 3), dead(node, 101, 3), left(node, 101)]));
  const accused = (node: number, state: MemberState, said: number) => ({
    ...record(node, state, 101),
    card: card(`owner ${node}`, 'said', said),
  });
  machine.swim.mergeState([accused(0, SUSPECT, 1), accused(1, DEAD, 1), accused(1, LEFT, 99), accused(9, DEAD, 9)], 0);
  t.equal(machine.swim.counts.impossibleIncarnations, 10);
  t.same(machine.events, []);
  t.same([machine.swim.incarnation, machine.swim.member(1)?.incarnation, machine.swim.member(9)], [1, 1, undefined]);

  machine.hear(2, suspect(0, 100, 3), suspect(1, 100, 3));
  t.equal(machine.swim.incarnation, 101, 'the last that is possible');
  machine.hear(2, suspect(0, 101, 3), suspect(0, 103, 3));
  t.equal(machine.swim.incarnation, 102, 'what this node has come to, and no farther');
});

t.test('what a node was known to have reached, or has signed, is possible whatever the clock says', async (t) => {
  const machine = new TestMachine(3);
  machine.hear(2, alive(1, 500), alive(3, 500), suspect(1, 500, 2));
  machine.latest = 100;
  machine.hear(2, suspect(3, 500, 2));
  t.match(
    [1, 3].map((node) => machine.swim.member(node)),
    [{ state: SUSPECT }, { state: SUSPECT }],
  );
  machine.run(60_000, (to) => to === 2);
  t.match(
    [1, 3].map((node) => machine.swim.member(node)),
    [{ state: DEAD }, { state: DEAD }],
    'and runs out',
  );
  machine.hear(1, alive(1, 501));
  t.equal(machine.swim.member(1)?.state, ALIVE);
  // It began with a clock that was set back, among others that remember it.
  machine.swim.mergeState([record(0, DEAD, 600), record(3, LEFT, 700)], machine.now);
  t.equal(machine.swim.incarnation, 601);
  t.equal(machine.swim.member(3)?.state, LEFT);
  t.equal(machine.swim.counts.impossibleIncarnations, 0);
});

t.test('after the last incarnation there is no other: that is told once, and nothing begins anew', async (t) => {
  const last = 2 ** 32 - 1;
  const machine = new TestMachine(2);
  machine.hear(1, suspect(0, last - 1, 1));
  t.same(machine.events, [
    { kind: 'spent', node: 0 },
    { kind: 'refuted', incarnation: last, from: 1 },
  ]);
  t.equal(machine.swim.nextIncarnation(), last);
  machine.swim.update(card('owner 0', 'more', last), machine.swim.nextIncarnation(), 0);
  machine.hear(1, suspect(0, last, 1));
  t.match(machine.swim.member(0), { incarnation: last, card: { text: 'more' }, state: ALIVE });
  t.equal(machine.events.length, 2);
});

t.test('an own new card needs a new incarnation', async (t) => {
  const machine = new TestMachine(1);
  const incarnation = machine.swim.nextIncarnation();
  machine.hear(1, suspect(0, 1, 1));
  t.throws(() => machine.swim.update(card('owner 0', 'b'), incarnation, 0), { code: 'INTERNAL' });
  machine.swim.update(card('owner 0', 'b'), machine.swim.nextIncarnation(), 0);
  t.equal(machine.swim.member(0)?.card.text, 'b');
  t.equal(machine.swim.incarnation, 3);
});

t.test('a leaving node says so, asks nobody any more, and objects to nothing', async (t) => {
  const machine = new TestMachine(5);
  machine.run(10_000, everybody);
  machine.swim.leave(machine.now);
  machine.forgetOutput();
  machine.run(60_000, everybody);
  t.ok(machine.sent.every(({ packet }) => packet.probe === undefined));
  t.ok(machine.sent.some(({ packet }) => packet.updates.some((u) => u.kind === 'left' && u.node === 0)));
  machine.hear(1, suspect(0, 1, 1), dead(0, 9, 1));
  t.same([machine.swim.leaving, machine.swim.incarnation, machine.swim.member(0)?.state], [true, 1, LEFT]);
  t.equal([...machine.swim.pushState(machine.now)][0].state, LEFT);
  machine.probe(1, { kind: 'ping', seq: 4, target: 0 });
  t.same(machine.sent.at(-1)?.packet.probe, { kind: 'ack', seq: 4 }, 'it answers to the end');
});

t.test('a node that was stopped for long accuses nobody of it', async (t) => {
  const machine = new TestMachine(6);
  machine.hear(2, suspect(1, 1, 2));
  machine.runUntil('ping');
  machine.probe(1, { kind: 'ping-request', seq: 3, target: 2 });
  machine.forgetOutput();
  machine.now += 600_000;
  machine.swim.wake(machine.now);
  t.equal(machine.swim.counts.stalls, 1);
  t.equal(machine.swim.awareness, 1);
  t.same(kinds(machine), []);
  t.equal(machine.synced.length, 1, 'states are exchanged at once');
  t.notOk(machine.sent.some(({ packet }) => packet.probe?.kind === 'nack'));
  machine.run(4000, everybody);
  t.same(kinds(machine), [], 'the suspicion has its time still');
  machine.run(60_000, everybody);
  t.same(kinds(machine), ['failed']);
  t.equal(machine.swim.counts.stalls, 1);
});

t.test('it is a stall as well if a packet comes before the timer', async (t) => {
  const machine = new TestMachine(6);
  machine.runUntil('ping');
  machine.forgetOutput();
  machine.now += 600_000;
  machine.hear(1, suspect(2, 1, 1));
  machine.swim.wake(machine.now);
  t.equal(machine.swim.counts.stalls, 1);
  t.same(kinds(machine), ['suspected']);
});
