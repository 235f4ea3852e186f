/**
 * podwire as a library: a VXLAN overlay node between any two edges, in your own process, without root.
 *
 * Start with `InlineNode` (or `Pipeline` and `Overlay`, of which it is made) and two edges: `MemoryDevice` or
 * `duplexEdge(stream)` towards pods, `MemoryNetwork` towards peers, or your own `DeviceEdge` and `UnderlayEdge`.
 */

export {
  ADDRESS,
  Batch,
  FLAGS,
  LENGTH,
  MORE,
  OFFSET,
  PORT,
  RECORD,
  SEGMENT,
  SOCKET,
  STATUS,
  TOS,
  VIRTIO_HEADER,
} from './bytes/batch.js';
export { twins } from './bytes/index.js';
export type { ByteWork } from './bytes/work.js';
export { COUNTER_NAMES, COUNTERS, type CounterName, type CounterTable } from './core/counters.js';
export type { ForwardingChange } from './core/forwarding/change.js';
export type { ForwardingReader } from './core/forwarding/forwarding-reader.js';
export { formatMac, macFromName, parseMac } from './core/mac.js';
export { overlayAddress } from './core/overlay-address.js';
export type { PathMtuTable } from './core/path-mtu.js';
export { type Random, seededRandom } from './core/random.js';
export { type DuplexEdge, type DuplexEdgeOptions, duplexEdge } from './dataplane/duplex-edge.js';
export type { DeviceCapabilities, DeviceEdge, UnderlayCapabilities, UnderlayEdge } from './dataplane/edges.js';
export { type FaultCounts, type Faults, type FaultTools, FaultyUnderlay } from './dataplane/faults.js';
export { InlineNode, type InlineNodeOptions, type NodeDescription } from './dataplane/inline-node.js';
export { InlineRunner } from './dataplane/inline-runner.js';
export { MemoryDevice, type MemoryDeviceOptions } from './dataplane/memory-device.js';
export {
  MemoryNetwork,
  MemoryUnderlay,
  type MemoryUnderlayOptions,
  type Neighbourhood,
} from './dataplane/memory-network.js';
export { Overlay, type OverlayOptions, pathContext, type SharedState } from './dataplane/overlay.js';
export type { Peer, PeerDifference } from './dataplane/peers.js';
export { Pipeline } from './dataplane/pipeline.js';
export { INHERIT, type PathContext, type Vtep } from './dataplane/vtep.js';
export { byteWork, type NativeKind, nativeKind } from './os/native.js';
export {
  type Address,
  addressOf,
  type Family,
  formatAddress,
  formatPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
  type Words,
} from './wire/address.js';
export { PodwireError, type PodwireErrorCode } from './wire/error.js';
