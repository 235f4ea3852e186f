/** The rules of probes, suspicions and packets, each by itself. */
import t from 'tap';
import { LAN } from '../../../../src/core/swim/profile.js';
import { ALIVE, DEAD, LEFT, SUSPECT } from '../../../../src/core/swim/types.js';
import { alive, dead, everybody, kinds, left, record, suspect, TestMachine } from './machine.js';
import { card, PACKET_OVERHEAD } from './network.js';

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
