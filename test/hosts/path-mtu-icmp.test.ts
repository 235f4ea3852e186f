/** ICMP that is to be believed and ICMP that is not. */
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { macFromName, parseMac } from '../../src/core/mac.js';
import { Lab } from '../../src/lab/lab.js';
import { ping } from '../../src/lab/tools.js';
import { encapsulationPrefix } from '../../src/wire/vxlan.js';
import { labSkip, needs } from './lab.js';
import { must, peerOf, untilMtu } from './path-mtu-lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping');

function rawSocketSkip(): string | false {
  try {
    createRequire(import.meta.url)('raw-socket');
    return false;
  } catch {
    return 'needs the package raw-socket';
  }
}

t.test('forged ICMP', { skip: skip || rawSocketSkip() }, async (t) => {
  const lab = await Lab.create({ name: 'forged', hosts: 2, twoRouters: true });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const [node] = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  t.ok(await ping(lab, alpha.pods[0], bravo.pods[0].addresses[0]));
  const mac = parseMac((await peerOf(node)).mac) ?? new Uint8Array(6);
  const own = parseMac(/mac=(\S+)/.exec(node.ready)?.[1] ?? '') ?? new Uint8Array(6);

  const program = fileURLToPath(new URL('./forge-icmp.js', import.meta.url));
  const forge = (
    mtu: number,
    change: { peer?: string; port?: number; vni?: number; mac?: Uint8Array; bytes?: number } = {},
  ) => {
    const { peer = bravo.underlay, port = 8472, vni = 1, bytes = 100 } = change;
    const frame = Buffer.concat([encapsulationPrefix(vni, change.mac ?? mac, own), Buffer.alloc(100)]).subarray(
      0,
      bytes,
    );
    const quote = [alpha.underlay, peer, 50_000, port, mtu, frame.toString('hex')].map(String);
    return must(lab, lab.router, process.execPath, program, ...quote);
  };
  await forge(500);
  await forge(1300, { peer: '10.101.99.2' });
  await forge(1300, { port: 4789 });
  await forge(1300, { vni: 2 });
  await forge(1300, { mac: macFromName('another') });
  await forge(1300, { bytes: 0 });
  await delay(300);
  t.match(await peerOf(node), { mtu: 1450, mtuBy: 'link' }, 'none of it is believed');

  await forge(1300);
  t.ok((await untilMtu(node, 1250)) < 1000, 'what quotes a frame of ours is, whatever port it has');
  t.equal((await peerOf(node)).mtuBy, 'icmp');
  t.comment(`the lie lasts for ${Math.round(await untilMtu(node, 1450, 60_000))} ms where no probes are answered`);
});
