/** What the demo found: the object that `podwire demo --json` prints. */
import type { Transfer } from '../../lab/tools.js';

export interface HostReport {
  readonly name: string;
  readonly underlay: string;
  /** The pod's addresses, IPv4 and IPv6: those that the plugin gave it, as soon as it did. */
  pod: readonly string[];
  /** From the start of `podwire up` to its `ready` line, milliseconds. */
  readyMs?: number;
  /** What ADD of the CNI plugin took, milliseconds; absent where pods are made by hand. */
  attachMs?: number;
}

export interface PingReport {
  readonly from: string;
  readonly to: string;
  readonly address: string;
  readonly family: 4 | 6;
  /** Milliseconds; null without an answer. */
  rttMs: number | null;
  /** Pings sent, at most 3; 0 while it is still to be done. */
  attempts: number;
}

export interface AddressReport {
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  /** The asking pod's own address. */
  readonly own: string;
  /** The address that the answering pod sees; empty without an answer. */
  readonly seen: string;
  readonly ok: boolean;
}

export interface DemoReport {
  /** Everything went as it must. */
  ok: boolean;
  hosts: HostReport[];
  /** How pods get their interfaces from podwire: by the plugin, or by hand where there is no `nft`, which its agent needs. */
  pods: 'podwire-cni' | 'by hand';
  /** How a ping is made: `ping`, or `tcp` where there is no such program. */
  probe: 'ping' | 'tcp';
  /** Before podwire: what crosses and what does not. */
  without?: {
    /** From host to host, by their own addresses. */
    readonly hosts: { readonly attempts: number; readonly answered: number };
    /** From pod to pod. */
    readonly pods: { readonly attempts: number; readonly answered: number };
    /** Packets that the router refused meanwhile. */
    readonly refused: number;
  };
  /** From the last `ready` until every node has found the others, milliseconds. */
  meetMs?: number;
  matrix: PingReport[];
  addresses: AddressReport[];
  transfer?: Transfer & { readonly from: string; readonly to: string };
  /** Why it came to an early end. */
  error?: string;
  ms: number;
}
