/**
 * What a network that is not podwire's is asked for a pod that stands in it (`macvlan`): whether its addresses are free,
 * and whether it lets the pod's MAC through.
 */
import { CNI, CniError } from './cni/error.js';
import type { PodKernel } from './kernel.js';
import type { PodRecord } from './pod-record.js';

/** Who holds an address has answered by then, ms: three questions. */
const DUPLICATE_PATIENCE = 300;
/** One question or answer may be lost, ms. */
const GATEWAY_PATIENCE = 2500;

/**
 * RFC 5227 §2.1 and RFC 4862 §5.4, in a short time: the pod's interface, still without addresses, asks who has them.
 * @throws CniError NO_ADDRESS, or TRY_AGAIN where another address will do: somebody answers
 * @param wanted the runtime asked for just these addresses
 */
export async function refuseDuplicates(kernel: PodKernel, record: PodRecord, wanted: boolean): Promise<void> {
  const { netns, ifname, addresses } = record;
  const holders = await kernel.whoHas(netns, ifname, addresses, DUPLICATE_PATIENCE);
  for (const [address, mac] of holders) {
    throw new CniError(
      wanted ? CNI.NO_ADDRESS : CNI.TRY_AGAIN,
      `${address} is held by ${mac} on this network: range must be addresses that nobody else gives out`,
    );
  }
  await kernel.podForced(
    netns,
    addresses.map((address) => `neigh del ${address} dev ${ifname}`),
  );
}

/**
 * Switches, hypervisors and clouds may let one MAC through at a port and swallow the others.
 * @returns false: nobody knows, as no gateway answers anybody
 * @throws CniError NOT_HERE: a gateway answers the node and not the pod
 */
export async function refuseSwallowedMac(
  kernel: PodKernel,
  { netns, ifname, mac, underlay }: PodRecord,
): Promise<boolean> {
  const { parent = '', gateways = [] } = underlay ?? {};
  if (gateways.length === 0) return false;
  if ((await kernel.whoHas(netns, ifname, gateways, GATEWAY_PATIENCE)).size > 0) return true;
  const [gateway] = (await kernel.whoHas(undefined, parent, gateways, GATEWAY_PATIENCE)).keys();
  if (gateway === undefined) return false;
  throw new CniError(
    CNI.NOT_HERE,
    `the network behind ${parent} lets no further MAC through: ${gateway} answers the node and not ${mac}; allow more MACs at the node's port (port security, MAC spoof check, promiscuous mode of the virtual switch), or use attach: bridge or ptp`,
  );
}
