/** n2n of Debian (1.3), which always encrypts (Twofish); its supernode runs on the first host. */
import { device, type Overlay } from './overlay.js';

const PORT = 7654;

export const n2n: Overlay = {
  name: 'n2n, Twofish',
  programs: ['edge', 'supernode'],
  async start(lab) {
    const [alpha] = lab.hosts;
    lab.spawn(alpha, ['supernode', '-l', `${PORT}`], { stdio: 'ignore' });
    for (const [i, host] of lab.hosts.entries()) {
      const inside = ['-d', 'n2n0', '-a', `10.9.0.${i + 1}`, '-s', '255.255.255.0'];
      const community = ['-c', 'bench', '-k', 'bench', '-l', `${alpha.underlay}:${PORT}`];
      lab.spawn(host, ['edge', ...inside, ...community], { stdio: 'ignore' });
      await device(lab, i, 'n2n0');
    }
    return '10.9.0.2';
  },
};
