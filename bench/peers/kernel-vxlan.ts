/** VXLAN by the kernel, from point to point, with the MTU and the port that podwire has. */
import { ip, type Overlay } from './overlay.js';

export const kernelVxlan: Overlay = {
  name: 'kernel vxlan',
  async start(lab) {
    const [alpha, bravo] = lab.hosts;
    for (const [host, [own, other]] of [
      [alpha, bravo],
      [bravo, alpha],
    ].entries()) {
      const tunnel = ['id', '1', 'local', own.underlay, 'remote', other.underlay, 'dstport', '8472'];
      await ip(lab, host, 'link', 'add', 'vx0', 'type', 'vxlan', ...tunnel);
      await ip(lab, host, 'address', 'add', `10.9.0.${host + 1}/24`, 'dev', 'vx0');
      await ip(lab, host, 'link', 'set', 'vx0', 'mtu', '1450', 'up');
    }
    return '10.9.0.2';
  },
};
