import type { Overlay } from './overlay.js';

export const podwire: Overlay = {
  name: 'podwire',
  async start(lab) {
    await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
    return lab.hosts[1].podCidr[0].replace('/24', '');
  },
};
