/** What the keys of membership must have in common: whether there is gossip, and that what needs it has it. Pure. */

import { outerAddressProblem } from '../../core/outer-address.js';
import { LONGEST_POD_PREFIX } from '../../core/overlay-address.js';
import { sharedFamilies } from '../../core/underlay.js';
import { formatAddress, formatPrefix } from '../../wire/address.js';
import type { Problem } from './problem.js';
import type { Draft } from './semantic.js';

export function checkMembership(draft: Draft): Problem[] {
  return [
    ...checkUnderlayKnown(draft),
    ...checkSubnetKnown(draft),
    ...checkPodPrefix(draft),
    ...checkKey(draft),
    ...checkPort(draft),
    ...checkJoin(draft),
  ];
}

function checkUnderlayKnown({ said }: Draft): Problem[] {
  if (said.underlay || said.join) return [];
  return [
    {
      path: 'underlay',
      message:
        'is missing: set it in the file or with --underlay; with nodes to join, the address that reaches them is taken',
    },
  ];
}

function checkSubnetKnown({ said }: Draft): Problem[] {
  if (said.podCidr || said.join || said.keyFile || said.insecure) return [];
  return [
    {
      path: 'podCidr',
      message:
        'is missing: set it in the file or with --pod-cidr; with gossip (gossip.keyFile) the node claims a subnet',
    },
  ];
}

/** The length counts only where a subnet is claimed. */
function checkPodPrefix({ said, clusterCidr = [], podPrefix }: Draft): Problem[] {
  if (said.podCidr || !podPrefix) return [];
  return clusterCidr.flatMap((cluster): Problem[] => {
    const length = podPrefix[cluster.family];
    const longest = LONGEST_POD_PREFIX[cluster.family];
    const bounds = `write a length from ${cluster.length} to ${longest}`;
    if (length < cluster.length) {
      return [
        { path: 'podPrefix', message: `/${length} does not fit into clusterCidr ${formatPrefix(cluster)}: ${bounds}` },
      ];
    }
    if (length <= longest) return [];
    return [{ path: 'podPrefix', message: `/${length} is too small for pods in IPv${cluster.family}: ${bounds}` }];
  });
}

function checkKey({ said }: Draft): Problem[] {
  if (said.keyFile && said.insecure) {
    return [
      {
        path: 'gossip.insecure',
        message: 'contradicts gossip.keyFile: with a key gossip is sealed, insecure leaves it open; remove one of them',
      },
    ];
  }
  if (!said.join || said.keyFile || said.insecure) return [];
  return [
    {
      path: 'join',
      message:
        'no key means no gossip: make one with `podwire key new`, give the file to all nodes and name it in gossip.keyFile, or set gossip.insecure',
    },
  ];
}

function checkPort({ gossipPort, vxlanPort }: Draft): Problem[] {
  if (gossipPort === undefined || gossipPort !== vxlanPort) return [];
  return [
    { path: 'gossip.port', message: `${gossipPort} is vxlan.port as well, and both are UDP: choose different ones` },
  ];
}

function checkJoin({ join, self, clusterCidr = [] }: Draft): Problem[] {
  const each = join.flatMap((seed, i): Problem[] => {
    const message = 'host' in seed ? undefined : outerAddressProblem(seed.address, clusterCidr);
    return message === undefined ? [] : [{ path: `join[${i}]`, message }];
  });
  // Names may have addresses of any family.
  const addresses = join.flatMap((seed) => ('host' in seed ? [] : [seed.address]));
  const { underlay = [] } = self;
  const strange = addresses.length > 0 && addresses.length === join.length && underlay.length > 0;
  if (!strange || sharedFamilies(underlay, addresses).length > 0) return each;
  const message = `no node to join is IPv${underlay[0].family}, and underlay ${formatAddress(underlay[0])} is: add one, or an IPv${addresses[0].family} address to underlay`;
  return [...each, { path: 'join', message }];
}
