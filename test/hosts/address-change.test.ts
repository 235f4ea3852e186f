/** A node whose address nobody configured: it finds it by the routes to those whom it joins, and follows it when it changes. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ApiClient } from '../../src/api/client.js';
import { Lab } from '../../src/lab/lab.js';
import { gossipConfig } from '../../src/lab/podwire.js';
import { ping } from '../../src/lab/tools.js';
import { labSkip, needs } from './lab.js';

t.test(
  'the underlay address is found, and followed',
  { skip: labSkip() || needs('ping', 'iputils-ping') },
  async (t) => {
    const lab = await Lab.create({ name: 'moves', hosts: 2, pods: 0, filter: false });
    t.teardown(() => lab.destroy());
    const [alphaHost, bravoHost] = lab.hosts;
    const alpha = await lab.startPodwire(alphaHost, { config: gossipConfig(lab, alphaHost) });
    const bravo = await lab.startPodwire(bravoHost, {
      config: { ...gossipConfig(lab, bravoHost), underlay: undefined },
    });
    const client = new ApiClient(bravo.socket);
    const { podCidr, underlay } = await client.status();
    t.equal(underlay, bravoHost.underlay);

    const address = podCidr[0].replace(/\/.*/, '');
    await lab.exec(alphaHost, ['ping', '-n', '-q', '-i', '0.002', '-c', '500', address]);
    const before = await client.counters();

    const next = bravoHost.underlay.replace(/\d+$/, '9');
    const device = ['dev', 'eth0'];
    for (const argv of [
      ['addr', 'del', `${bravoHost.underlay}/${bravoHost.underlayLength}`, ...device],
      ['addr', 'add', `${next}/${bravoHost.underlayLength}`, ...device],
      ['route', 'replace', 'default', 'via', bravoHost.router],
    ]) {
      const { code, stderr } = await lab.exec(bravoHost, ['ip', ...argv]);
      t.equal(code, 0, `ip ${argv.join(' ')} ${stderr}`);
    }
    const seen = async () => (await new ApiClient(alpha.socket).members()).find(({ node }) => node === 'bravo');
    while ((await seen())?.underlay !== next) await delay(50);
    t.match(await seen(), { state: 'alive', podCidr }, 'alpha knows, and bravo has its subnets');
    while ((await ping(lab, alphaHost, address)) === undefined) await delay(50);
    t.pass('and traffic goes there');
    while ((await client.status()).phase !== 'running') await delay(50);
    const after = await client.counters();
    t.ok(before.rx_frames >= 500 && after.rx_frames > before.rx_frames, 'counters go on over both carriers');
    for (const node of [alpha, bravo]) t.equal((await node.stop()).code, 0, node.log());
  },
);
