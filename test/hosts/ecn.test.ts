/** A router between the nodes marks congestion on outer packets, and the pod inside sees it. */
import t from 'tap';
import { Lab } from '../../src/lab/lab.js';
import type { Place } from '../../src/lab/plan.js';
import { counters } from './cli.js';
import { labSkip, needs } from './lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping') || needs('nft', 'nftables');
const ECT_0 = '0x02';

for (const underlay of [4, 6] as const) {
  t.test(`congestion marked on an IPv${underlay} underlay`, { skip }, async (t) => {
    const lab = await Lab.create({ name: `ecn${underlay}`, hosts: 2, underlay });
    t.teardown(() => lab.destroy());
    const [alpha, bravo] = lab.hosts;
    const reading = (of: typeof alpha) => ({
      config: {
        peers: lab.hosts
          .filter((host) => host !== of)
          .map(({ name, underlay, podCidr }) => ({ node: name, underlay, podCidr, ecn: true })),
      },
    });
    const [, node] = await Promise.all([alpha, bravo].map((host) => lab.startPodwire(host, reading(host))));
    const nft = (where: Place, hook: string, ...rules: string[]) => {
      const chain = [`type filter hook ${hook} priority 0`, ...rules].join('\n');
      return lab.exec(where, ['nft', '-f', '-'], { input: `table inet lab {\nchain marks {\n${chain}\n}\n}\n` });
    };
    t.match(await nft(bravo.pods[0], 'input', 'ip ecn ce counter', 'ip6 ecn ce counter'), { code: 0, stderr: '' });
    const ip = underlay === 4 ? 'ip' : 'ip6';
    t.match(await nft(lab.router, 'forward', `udp dport 8472 ${ip} ecn ect0 ${ip} ecn set ce`), {
      code: 0,
      stderr: '',
    });

    const ping = (tos: string, address: string) =>
      lab.exec(alpha.pods[0], ['ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', '-Q', tos, address]);
    const seen = async () =>
      [...(await lab.exec(bravo.pods[0], ['nft', 'list', 'ruleset'])).stdout.matchAll(/packets (\d+)/g)].map((found) =>
        Number(found[1]),
      );
    for (const address of bravo.pods[0].addresses) t.equal((await ping('0x00', address)).code, 0);
    t.same(await seen(), [0, 0], 'what cannot be marked is not');
    for (const address of bravo.pods[0].addresses) t.equal((await ping(ECT_0, address)).code, 0);
    t.same(await seen(), [3, 3], 'what can be marked comes in as congested, IPv4 and IPv6 inside');
    t.equal((await counters(lab, node)).rx_ecn_dropped, 0);
  });
}
