import fc from 'fast-check';
import t from 'tap';
import { clampMss } from '../../../src/core/mss.js';
import type { IpView } from '../../../src/wire/ip.js';
import { findMss, TCP_ACK, TCP_SYN } from '../../../src/wire/tcp.js';
import { ipv4, ipv6, packetOf, tcp, transportChecksum, viewOf, withChecksum } from '../wire/packets.js';
import { vectors } from '../wire/vectors.js';

const option = (mss: number) => Buffer.from([2, 4, mss >> 8, mss & 255]);

function syn(version: 4 | 6, options: Buffer, flags = TCP_SYN): IpView {
  const payload = tcp([40_000, 443], flags, options, 'odd');
  const packet = version === 4 ? ipv4({ protocol: 6, payload }) : ipv6({ next: 6, payload });
  return viewOf(withChecksum(packet, 16));
}

function mss(view: IpView): number {
  return view.bytes.readUInt16BE(findMss(view.bytes, view.offset + view.transport, view.offset + view.length));
}

t.test('the MSS is lowered to the MTU less 40 or 60', async (t) => {
  for (const [version, headers] of [
    [4, 40],
    [6, 60],
  ] as const) {
    const view = syn(version, option(1460));
    t.ok(clampMss(view, 1450, false));
    t.equal(mss(view), 1450 - headers);
    t.equal(transportChecksum(packetOf(view)), 0);
    t.notOk(clampMss(view, 1450, false), 'already low');
    t.notOk(clampMss(view, 9000, false), 'never raised');
    t.equal(mss(view), 1450 - headers);
  }
});

t.test('SYNs of Linux', async (t) => {
  for (const { name, bytes, fields } of vectors<{ mss?: number }>('ip')) {
    if (fields.mss === undefined) continue;
    const view = viewOf(bytes);
    t.ok(clampMss(view, 1300, false), name);
    t.equal(mss(view), view.version === 4 ? 1260 : 1240);
    t.equal(transportChecksum(packetOf(view)), 0);
  }
});

t.test('the checksum stays right wherever the option stands', async () => {
  const padding = fc.array(fc.constantFrom([1], [3, 3, 7], [4, 2], [8, 10, 1, 2, 3, 4, 5, 6, 7, 8]), { maxLength: 3 });
  fc.assert(
    fc.property(
      fc.constantFrom(4 as const, 6 as const),
      padding,
      fc.nat(0xffff),
      fc.integer({ min: 576, max: 65_535 }),
      fc.nat(0xffff),
      (version, before, value, mtu, port) => {
        const view = syn(version, Buffer.concat([Buffer.from(before.flat()), option(value)]));
        view.bytes.writeUInt16BE(port, view.offset + view.transport);
        view.bytes.writeUInt16BE(0, view.offset + view.transport + 16);
        view.bytes.writeUInt16BE(transportChecksum(packetOf(view)), view.offset + view.transport + 16);
        const most = mtu - (version === 4 ? 40 : 60);
        const old = packetOf(view);
        const changed = clampMss(view, mtu, false);
        return (
          changed === value > most &&
          mss(view) === Math.min(value, most) &&
          transportChecksum(packetOf(view)) === 0 &&
          (changed || packetOf(view).equals(old))
        );
      },
    ),
  );
});

t.test('a partial checksum stays', async (t) => {
  const view = syn(4, option(1460));
  const at = view.offset + view.transport + 16;
  view.bytes.writeUInt16BE(0x1234, at);
  t.ok(clampMss(view, 1400, true));
  t.equal(view.bytes.readUInt16BE(at), 0x1234);
  t.equal(mss(view), 1360);
});

t.test('only SYNs, and all of them', async (t) => {
  t.ok(clampMss(syn(4, option(1460), TCP_SYN | TCP_ACK), 1400, false), 'SYN-ACK');
  const unchanged = (view: IpView, name: string) => {
    const old = packetOf(view);
    t.notOk(clampMss(view, 600, false), name);
    t.same(packetOf(view), old, name);
  };
  unchanged(syn(4, option(1460), TCP_ACK), 'no SYN');
  unchanged(syn(4, Buffer.alloc(0)), 'no option');
  const segment = tcp([1, 2], TCP_SYN, option(1460));
  unchanged(viewOf(ipv4({ protocol: 17, payload: segment })), 'UDP');
  unchanged(viewOf(ipv4({ protocol: 6, payload: segment, moreFragments: true })), 'a first fragment');
  unchanged(viewOf(ipv4({ protocol: 6, payload: segment, fragmentOffset: 8 })), 'a later fragment');
  for (let length = 1; length < segment.length; length++) {
    unchanged(viewOf(ipv4({ protocol: 6, payload: segment.subarray(0, length) })), `cut to ${length}`);
  }
});
