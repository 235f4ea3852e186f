/** wireguard-go in user space; its keys and peers are set with `wg`. Its cipher cannot be turned off. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { device, ip, must, type Overlay } from './overlay.js';

const PORT = 51820;

export const wireguardGo: Overlay = {
  name: 'wireguard-go',
  programs: ['wireguard-go', 'wg'],
  async start(lab) {
    const keys = await Promise.all(
      lab.hosts.map(async (_, i) => {
        const secret = (await must(lab, i, ['wg', 'genkey'])).trim();
        const file = join(lab.directory, `wg-${i}.key`);
        writeFileSync(file, secret, { mode: 0o600 });
        return { file, open: (await must(lab, i, ['wg', 'pubkey'], `${secret}\n`)).trim() };
      }),
    );
    for (const [i, host] of lab.hosts.entries()) {
      // Its control socket's name is the device's, and all hosts share one file system.
      const name = `wgbench${i}`;
      const env = { WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD: '1' };
      lab.spawn(host, ['wireguard-go', '-f', name], { stdio: 'ignore', env });
      await device(lab, i, name);
      const other = 1 - i;
      const peer = ['peer', keys[other].open, 'allowed-ips', `10.9.0.${other + 1}/32`];
      const endpoint = ['endpoint', `${lab.hosts[other].underlay}:${PORT}`];
      await must(lab, i, [
        'wg',
        'set',
        name,
        'private-key',
        keys[i].file,
        'listen-port',
        `${PORT}`,
        ...peer,
        ...endpoint,
      ]);
      await ip(lab, i, 'address', 'add', `10.9.0.${i + 1}/24`, 'dev', name);
      await ip(lab, i, 'link', 'set', name, 'mtu', '1420', 'up');
    }
    return '10.9.0.2';
  },
};
