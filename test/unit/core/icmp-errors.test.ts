import t, { type Test } from 'tap';
import { ICMP_ERROR_MOST, mayAnswer, writeTooBig, writeUnreachable } from '../../../src/core/icmp-errors.js';
import type { IpView } from '../../../src/wire/ip.js';
import { checksum, ipv4, ipv6, tcp, transportChecksum, udp, viewOf, words } from '../wire/packets.js';
import { vectors } from '../wire/vectors.js';

/** The error a writer writes; bytes before and behind it must stay. */
function written(t: Test, write: (target: Buffer, at: number) => number): Buffer {
  const target = Buffer.alloc(9 + ICMP_ERROR_MOST + 7, 0xee);
  const length = write(target, 9);
  t.ok(target.subarray(0, 9).every((byte) => byte === 0xee));
  t.ok(target.subarray(9 + length).every((byte) => byte === 0xee));
  return Buffer.from(target.subarray(9, 9 + length));
}

for (const { name, bytes, answer, fields } of vectors<{ router: string; mtu: number }>('icmp-errors')) {
  t.test(`a packet is answered as Linux answers it: ${name}`, async (t) => {
    const view = viewOf(bytes);
    t.ok(mayAnswer(view));
    const error = written(t, (target, at) =>
      fields.mtu === 0
        ? writeUnreachable(view, words(fields.router), target, at)
        : writeTooBig(view, fields.mtu, words(fields.router), target, at),
    );
    const expected = Buffer.from(answer);
    if (view.version === 4) {
      // Linux numbers its errors and leaves DF clear.
      expected.writeUInt32BE(0x4000, 4);
      expected.writeUInt16BE(0, 10);
      expected.writeUInt16BE(checksum(expected.subarray(0, 20)), 10);
      t.equal(checksum(error.subarray(0, 20)), 0);
      t.equal(checksum(error.subarray(20)), 0);
    } else {
      // Linux copies the flow label.
      expected.fill(0, 1, 4);
      t.equal(transportChecksum(error), 0);
    }
    t.same(error, expected);
    t.notOk(mayAnswer(viewOf(error)), 'an error is not answered');
  });
}

t.test('IPv6 is never told less than 1280', async (t) => {
  const view = viewOf(ipv6({ payload: Buffer.alloc(1400) }));
  const error = written(t, (target, at) => writeTooBig(view, 1200, words('fd00::2'), target, at));
  t.equal(error.readUInt32BE(44), 1280);
  t.equal(error.length, 1280);
  t.equal(transportChecksum(error), 0);
});

t.test('superpackets and packets of odd length are quoted', async (t) => {
  for (const size of [1, 8, 61, 520, 521, 60_001]) {
    const four = ipv4({ payload: Buffer.alloc(size, 0xa5) });
    const error = written(t, (target, at) => writeTooBig(viewOf(four), 1400, words('10.0.0.1'), target, at));
    t.equal(error.length, Math.min(576, 28 + four.length));
    t.equal(checksum(error.subarray(20)), 0);
    t.same(error.subarray(28), four.subarray(0, error.length - 28));
    const six = ipv6({ payload: Buffer.alloc(size, 0xa5) });
    const error6 = written(t, (target, at) => writeUnreachable(viewOf(six), words('fd00::2'), target, at));
    t.equal(error6.length, Math.min(1280, 48 + six.length));
    t.equal(transportChecksum(error6), 0);
    t.same(error6.subarray(48), six.subarray(0, error6.length - 48));
  }
});

t.test('what may be answered', async (t) => {
  const answer = (name: string, view: IpView) => t.ok(mayAnswer(view), name);
  const silent = (name: string, view: IpView) => t.notOk(mayAnswer(view), name);
  const datagram = udp([1, 2], Buffer.from('hi'));
  const icmp = (type: number) => viewOf(ipv4({ protocol: 1, payload: Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]) }));
  const icmp6 = (type: number) => viewOf(ipv6({ next: 58, payload: Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]) }));

  answer('UDP', viewOf(ipv4({ payload: datagram })));
  answer('UDP, IPv6', viewOf(ipv6({ payload: datagram })));
  answer('TCP', viewOf(ipv4({ protocol: 6, payload: tcp([1, 2], 16, Buffer.alloc(0)) })));
  answer('echo request', icmp(8));
  answer('echo reply', icmp(0));
  answer('echo request, IPv6', icmp6(128));
  for (const type of [3, 4, 5, 11, 12]) silent(`ICMP ${type}`, icmp(type));
  for (const type of [1, 2, 3, 4, 100, 127, 137]) silent(`ICMPv6 ${type}`, icmp6(type));
  silent('ICMP in IPv6', viewOf(ipv6({ next: 1 })));
  silent('ICMPv6 in IPv4', viewOf(ipv4({ protocol: 58 })));

  answer('first fragment', viewOf(ipv4({ payload: datagram, moreFragments: true })));
  silent('later fragment', viewOf(ipv4({ payload: datagram, fragmentOffset: 8 })));
  silent('later fragment, IPv6', viewOf(ipv6({ next: 44, payload: Buffer.from([17, 0, 0, 8, 0, 0, 0, 1, 9, 9]) })));
  const redirect = Buffer.from([58, 0, 0, 1, 0, 0, 0, 1, 137, 0, 0, 0]);
  silent('a redirect in a first fragment', viewOf(ipv6({ next: 44, payload: redirect })));
  const options = Buffer.concat([Buffer.from([58, 0, 1, 4, 0, 0, 0, 0]), Buffer.from([1, 0, 0, 0])]);
  silent('an error behind options', viewOf(ipv6({ next: 60, payload: options })));
  silent('options that lead nowhere', viewOf(ipv6({ next: 60, payload: Buffer.from([17, 9, 0, 0, 0, 0, 0, 0]) })));

  for (const source of ['0.0.0.0', '255.255.255.255', '224.0.0.5', '127.0.0.1']) {
    silent(`from ${source}`, viewOf(ipv4({ source, payload: datagram })));
  }
  for (const destination of ['255.255.255.255', '239.1.2.3']) {
    silent(`to ${destination}`, viewOf(ipv4({ destination, payload: datagram })));
  }
  silent('from ::', viewOf(ipv6({ source: '::', payload: datagram })));
  silent('from a group', viewOf(ipv6({ source: 'ff02::1', payload: datagram })));
  silent('to a group', viewOf(ipv6({ destination: 'ff0e::1', payload: datagram })));
});
