/** What a machine is and has, as far as podwire cares: gathered by src/os/facts.ts, judged by check.ts. */
import type { Address, Prefix } from '../wire/address.js';
import type { Endpoint } from './config/node-config.js';
import type { ActualRoute } from './host-plan.js';

export interface InterfaceFacts {
  readonly name: string;
  readonly up: boolean;
  /** Largest IP packet, bytes. */
  readonly mtu: number;
  /** Its addresses, each as a prefix of host length. */
  readonly addresses: readonly Prefix[];
}

/** A chain through which the kernel sends packets, and what it does with those that no rule takes. */
export interface FirewallChain {
  /** How to find it: `nft table ip filter, chain FORWARD`. */
  readonly where: string;
  readonly hook: 'input' | 'forward';
  readonly policy: 'accept' | 'drop';
  /** A rule of the chain itself accepts our UDP port (input) or our device (forward). Jumps are not followed. */
  readonly accepts: boolean;
}

export interface MachineFacts {
  /** `uname -r`. */
  readonly kernel: string;
  /** The program `ip` is installed. */
  readonly ipProgram: boolean;
  /** This process has CAP_NET_ADMIN in effect. */
  readonly netAdmin: boolean;
  /** /dev/net/tun: can be opened, is not there, may not be opened. */
  readonly tun: 'ok' | 'missing' | 'denied';
  /** What makes the system calls; where that is not the C addon, why, and what to do about it. */
  readonly systemCalls:
    | { readonly by: 'addon' }
    | { readonly by: 'koffi' | 'none'; readonly problem: string; readonly cure: string };
  /** An agent answers on the configured socket: then port, device and routes are its own. */
  readonly agentRuns: boolean;
  readonly interfaces: readonly InterfaceFacts[];
  /** Routes of the main table that overlap the cluster range, but the default route. */
  readonly routes: readonly ActualRoute[];
  /** Binding the underlay address and port: worked, or the errno. */
  readonly bind: 'ok' | string;
  /** The same for gossip's port; undefined where there is no gossip. */
  readonly gossipBind: { readonly udp: 'ok' | string; readonly tcp: 'ok' | string } | undefined;
  /** The nodes to join, each with the own address that reaches it; undefined: there is no route. */
  readonly joins: readonly { readonly to: Endpoint; readonly from: Address | undefined }[];
  /** Why the key file cannot be used; undefined: it can, or there is none. */
  readonly keyProblem: string | undefined;
  /** `net.ipv4.ip_forward`, `net.ipv6.conf.all.forwarding`; undefined: this kernel has no such family. */
  readonly forwarding: { readonly ipv4: boolean | undefined; readonly ipv6: boolean | undefined };
  /** rp_filter of a new device, and whether /proc/sys can be written to change it. */
  readonly rpFilter: { readonly all: number; readonly default: number; readonly writable: boolean };
  /** Chains of the firewall at input and forward; undefined: cannot be read. */
  readonly firewall: readonly FirewallChain[] | undefined;
  /** Connection tracking; undefined: not loaded. */
  readonly conntrack: { readonly count: number; readonly max: number } | undefined;
  /** Largest socket buffers without CAP_NET_ADMIN, bytes. */
  readonly socketBuffer: { readonly receive: number; readonly send: number };
  /** Files this process may open. */
  readonly openFiles: number;
  /** The MAC kept in stateDir, if there is one. */
  readonly keptMac: string | undefined;
}
