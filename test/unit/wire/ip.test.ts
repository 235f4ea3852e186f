import t from 'tap';
import { addressOf, formatAddress } from '../../../src/wire/address.js';
import { IpView, martianDestination, martianSource } from '../../../src/wire/ip.js';
import { ipv4, ipv6, tcp, transportChecksum, udp, viewOf, withChecksum } from './packets.js';
import { vectors } from './vectors.js';

interface Fields {
  version: number;
  length: number;
  headerLength: number;
  protocol: number;
  transport: number;
  hopLimit: number;
  trafficClass: number;
  source: string;
  destination: string;
  fragmentOffset: number;
  moreFragments: boolean;
  dontFragment: boolean;
  headerSumOk: boolean;
}

/** Whether a view takes these bytes, standing among others. */
function takes(packet: Buffer, length = packet.length): boolean {
  return new IpView().parse(Buffer.concat([Buffer.alloc(5, 0xee), packet]), 5, length);
}

const source = (view: IpView) => formatAddress(addressOf([view.src0, view.src1, view.src2, view.src3]));
const destination = (view: IpView) => formatAddress(addressOf([view.dst0, view.dst1, view.dst2, view.dst3]));

for (const { name, bytes, fields } of vectors<Fields>('ip')) {
  t.test(`vector: ${name}`, async (t) => {
    const view = viewOf(bytes);
    t.match(view, {
      version: fields.version,
      length: fields.length,
      headerLength: fields.headerLength,
      protocol: fields.protocol,
      transport: fields.transport,
      hopLimit: fields.hopLimit,
      trafficClass: fields.trafficClass,
      fragmentOffset: fields.fragmentOffset,
      moreFragments: fields.moreFragments,
      dontFragment: fields.dontFragment,
    });
    t.equal(source(view), fields.source);
    t.equal(destination(view), fields.destination);
    t.equal(view.headerSumOk(), fields.headerSumOk);
  });
}

t.test('IPv4: what is not a whole packet is refused', async (t) => {
  const good = ipv4({});
  t.ok(takes(good));
  for (let length = 0; length < good.length; length++) t.notOk(takes(good, length), `cut to ${length} bytes`);
  const changed = (change: (packet: Buffer) => void) => {
    const packet = Buffer.from(good);
    change(packet);
    return takes(packet);
  };
  t.notOk(
    changed((packet) => {
      packet[0] = 0x44;
    }),
    'header of 16 bytes',
  );
  t.notOk(
    changed((packet) => {
      packet[0] = 0x4f;
    }),
    'header longer than the packet',
  );
  t.notOk(
    changed((packet) => packet.writeUInt16BE(19, 2)),
    'total length below the header',
  );
  t.notOk(
    changed((packet) => packet.writeUInt16BE(good.length + 1, 2)),
    'total length above what is there',
  );
  for (const version of [0, 5, 7, 15]) {
    t.notOk(
      changed((packet) => {
        packet[0] = (version << 4) | 5;
      }),
      `version ${version}`,
    );
  }
});

t.test('IPv4: bytes behind the packet are not part of it', async (t) => {
  const view = viewOf(Buffer.concat([ipv4({ payload: Buffer.alloc(6) }), Buffer.alloc(20)]));
  t.equal(view.length, 26);
});

t.test('IPv4: fields', async (t) => {
  const view = viewOf(ipv4({ options: Buffer.from([1, 1, 1, 0]), dontFragment: true, tos: 0xba, ttl: 3, protocol: 6 }));
  t.match(view, { headerLength: 24, transport: 24, dontFragment: true, trafficClass: 0xba, hopLimit: 3, protocol: 6 });
  t.ok(view.headerSumOk());
  view.bytes[view.offset + 8]--;
  t.notOk(view.headerSumOk());
  t.equal(viewOf(ipv4({ payload: Buffer.alloc(0) })).transport, -1, 'nothing behind the header');
});

t.test('IPv4: fragments', async (t) => {
  t.match(viewOf(ipv4({})), { fragment: false, moreFragments: false, fragmentOffset: 0 });
  t.match(viewOf(ipv4({ moreFragments: true })), {
    fragment: true,
    moreFragments: true,
    fragmentOffset: 0,
    transport: 20,
  });
  t.match(viewOf(ipv4({ fragmentOffset: 800 })), {
    fragment: true,
    moreFragments: false,
    fragmentOffset: 800,
    transport: -1,
  });
  t.ok(takes(ipv4({ fragmentOffset: 65_504, payload: Buffer.alloc(11) })), 'ends at 65,535 with its header');
  t.notOk(takes(ipv4({ fragmentOffset: 65_528 })), 'a datagram of more than 65,535 bytes');
});

t.test('IPv6: what is not a whole packet is refused', async (t) => {
  const good = ipv6({});
  t.ok(takes(good));
  for (let length = 0; length < good.length; length++) t.notOk(takes(good, length), `cut to ${length} bytes`);
  t.notOk(takes(Buffer.concat([ipv6({ payload: Buffer.alloc(0) }), Buffer.alloc(99)])), 'jumbogram');
  t.equal(viewOf(Buffer.concat([good, Buffer.alloc(9)])).length, good.length, 'padding is not part of it');
  t.match(viewOf(ipv6({ trafficClass: 0xb9, hopLimit: 7 })), { trafficClass: 0xb9, hopLimit: 7, dontFragment: true });
});

/** An extension header of `units` times eight bytes. */
const extension = (next: number, units = 1) =>
  Buffer.concat([Buffer.from([next, units - 1]), Buffer.alloc(8 * units - 2)]);
const fragmentHeader = (next: number, offset: number, more: boolean) =>
  Buffer.from([next, 0, offset >> 8, (offset & 0xf8) | (more ? 1 : 0), 1, 2, 3, 4]);

t.test('IPv6: extension headers are walked over', async (t) => {
  const datagram = udp([1000, 2000], Buffer.from('hi'));
  const chain = [
    extension(60),
    extension(43, 2),
    extension(51),
    Buffer.concat([Buffer.from([60, 4]), Buffer.alloc(22)]),
  ];
  const payload = Buffer.concat([...chain, extension(17, 3), datagram]);
  t.match(viewOf(ipv6({ next: 0, payload })), { protocol: 17, transport: 40 + 8 + 16 + 8 + 24 + 24, headerLength: 40 });
  t.match(viewOf(ipv6({ next: 50 })), { protocol: 50, transport: 40 }, 'ESP is not looked into');
  t.match(viewOf(ipv6({ next: 59 })), { protocol: 59, transport: -1 }, 'no next header');
});

t.test('IPv6: a chain that leads nowhere has no transport', async (t) => {
  const view = (next: number, payload: Buffer) => viewOf(ipv6({ next, payload }));
  t.match(view(0, extension(17, 2).subarray(0, 8)), { protocol: 0, transport: -1 }, 'header longer than the packet');
  t.match(view(0, Buffer.from([17])), { protocol: 0, transport: -1 }, 'header cut off');
  t.match(view(0, extension(17)), { protocol: 17, transport: -1 }, 'upper layer past the end');
  const chain = (count: number) =>
    Buffer.concat([...Array.from({ length: count }, (_, i) => extension(i === count - 1 ? 17 : 60)), Buffer.alloc(8)]);
  t.match(view(60, chain(8)), { protocol: 17, transport: 104 }, 'eight are walked');
  t.match(view(60, chain(9)), { protocol: 60, transport: -1 }, 'nine are not');
});

t.test('IPv6: fragments', async (t) => {
  const view = (offset: number, more: boolean, next = 17) =>
    viewOf(ipv6({ next: 44, payload: Buffer.concat([fragmentHeader(next, offset, more), Buffer.alloc(16)]) }));
  t.match(view(0, true), { fragment: true, moreFragments: true, fragmentOffset: 0, transport: 48, protocol: 17 });
  t.match(view(1448, false), {
    fragment: true,
    moreFragments: false,
    fragmentOffset: 1448,
    transport: -1,
    protocol: 17,
  });
  t.match(view(0, false), { fragment: false, transport: 48, protocol: 17 }, 'a whole datagram in a fragment header');
  t.match(view(1448, true, 60), { fragment: true, transport: -1 }, 'payload is not taken for a header');
  const last = ipv6({ next: 44, payload: Buffer.concat([fragmentHeader(17, 65_528, false), Buffer.alloc(8)]) });
  t.notOk(takes(last), 'a datagram of more than 65,535 bytes');
  // The view is used again: nothing of the fragment stays.
  const reused = view(1448, true);
  t.ok(reused.parse(ipv6({}), 0, 48));
  t.match(reused, { fragment: false, fragmentOffset: 0, moreFragments: false, transport: 40 });
});

t.test('martian addresses of IPv4', async (t) => {
  const martian = ['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.255', '224.0.0.1', '239.1.1.1', '240.0.0.1'];
  martian.push('255.255.255.255');
  for (const text of martian) {
    t.ok(martianSource(viewOf(ipv4({ source: text }))), `from ${text}`);
    t.ok(martianDestination(viewOf(ipv4({ destination: text }))), `to ${text}`);
  }
  for (const text of ['1.0.0.0', '10.244.1.0', '126.255.255.255', '128.0.0.0', '192.168.0.255', '223.255.255.255']) {
    t.notOk(martianSource(viewOf(ipv4({ source: text }))), `from ${text}`);
    t.notOk(martianDestination(viewOf(ipv4({ destination: text }))), `to ${text}`);
  }
  const packet = ipv4({ source: '127.0.0.1' });
  t.notOk(martianDestination(viewOf(packet)), 'each end by itself');
});

t.test('martian addresses of IPv6', async (t) => {
  const martian = ['::', '::1', '::10.0.0.1', 'ff02::1', 'ff0e::1', 'fe80::1', 'febf::1', 'ffff::'];
  for (const text of martian) {
    t.ok(martianSource(viewOf(ipv6({ source: text }))), `from ${text}`);
    t.ok(martianDestination(viewOf(ipv6({ destination: text }))), `to ${text}`);
  }
  const mapped = ipv6({});
  mapped.fill(0, 8, 18).fill(0xff, 18, 20);
  t.ok(martianSource(viewOf(mapped)), 'from ::ffff:0:0/96');
  for (const text of [
    '::2:0:0',
    '1::',
    'fd00::',
    'fe7f::1',
    'fec0::1',
    'feff::1',
    '2001:db8::1',
    '64:ff9b::10.0.0.1',
  ]) {
    t.notOk(martianSource(viewOf(ipv6({ source: text }))), `from ${text}`);
    t.notOk(martianDestination(viewOf(ipv6({ destination: text }))), `to ${text}`);
  }
});

t.test('the pseudo-header is that of the checksum', async (t) => {
  const segment = tcp([1, 2], 0x10, Buffer.alloc(0), 'odd');
  for (const packet of [ipv4({ protocol: 6, payload: segment }), ipv6({ next: 6, payload: segment })]) {
    const view = viewOf(withChecksum(packet, 16));
    const rest = view.bytes.subarray(view.offset + view.transport, view.offset + view.length);
    const pseudo = Buffer.alloc(2);
    pseudo.writeUInt16BE(view.pseudoHeaderSum());
    t.equal(transportChecksum(packet), 0);
    const whole = Buffer.concat([pseudo, rest, Buffer.alloc(rest.length % 2)]);
    let sum = 0;
    for (let i = 0; i < whole.length; i += 2) sum += whole.readUInt16BE(i);
    t.equal(sum % 0xffff, 0);
  }
});
