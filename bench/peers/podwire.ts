/** podwire itself, without gossip: each host's configuration names the other as its peer. */
import type { NativeMode } from '../../src/os/native.js';
import type { Overlay } from './overlay.js';

export const podwire = podwireBy('podwire', 'on');

/** What is left of the speed with less C: PODWIRE_NATIVE. */
export const podwireModes: readonly Overlay[] = (['on', 'io', 'off'] as const).map((mode) =>
  podwireBy(`podwire, native ${mode}`, mode),
);

function podwireBy(name: string, native: NativeMode): Overlay {
  return {
    name,
    async start(lab) {
      await Promise.all(lab.hosts.map((host) => lab.startPodwire(host, { env: { PODWIRE_NATIVE: native } })));
      return lab.hosts[1].podCidr[0].replace('/24', '');
    },
  };
}
