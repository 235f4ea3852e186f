/** What a machine is and has, as far as podwire cares: gathered by src/os/facts.ts, judged by check.ts. */
import type { Address, Prefix } from '../wire/address.js';
import type { Seed } from './config/node-config.js';
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
  /** Its rules, and those it jumps to, leave none of our packets to the policy. */
  readonly accepts: boolean;
  /** But of packets between pods and the outside, by masquerading and host ports. */
  readonly closedOutside?: boolean;
  /** And of packets between pods of this node. */
  readonly closedBeside?: boolean;
  /** Whose packets come to it; absent: both families'. */
  readonly family?: 4 | 6;
  /** The begin of a command that puts a rule at its top. */
  readonly insert: string;
}

/** A rule that stands in the way. */
export interface FirewallObstacle {
  /** It drops our packets; it changes their addresses; it drops what connection tracking calls invalid. */
  readonly kind: 'drop' | 'nat' | 'invalid';
  /**
   * `vxlan`: what comes from other nodes; `pods`: packets of pods; `beside`: theirs to others of this node; `outside`: theirs
   * from and to beyond the cluster.
   */
  readonly traffic: 'vxlan' | 'pods' | 'beside' | 'outside';
  /** How to find it: `nft table ip nat, chain POSTROUTING, handle 7`. */
  readonly where: string;
  /** The command that removes it. */
  readonly remove: string;
  /** Packets that it has taken; undefined: it does not count. */
  readonly packets: number | undefined;
}

/** A policy routing rule that leads the cluster's packets elsewhere, before the main table is asked. */
export interface StealingRule {
  /** `100: from all lookup 42`. */
  readonly rule: string;
  readonly priority: number;
  /** The route in its table that takes them. */
  readonly route: string;
  /** Of which of the cluster's ranges. */
  readonly range: Prefix;
}

/** An IPsec policy on the packets of pods. */
export interface XfrmPolicy {
  /** `src 10.244.0.0/16 dst 10.244.0.0/16 dir out`, as `ip xfrm policy` takes it. */
  readonly selector: string;
  readonly blocks: boolean;
}

export interface GossipBind {
  readonly udp: 'ok' | string;
  readonly tcp: 'ok' | string;
}

export interface JoinFacts {
  readonly to: Seed;
  /** Own addresses: the proven ones, or else those of which the routes say so. Empty: there is no route. */
  readonly from: readonly Address[];
  /** Somebody took a TCP connection; false where nobody was asked. */
  readonly answers: boolean;
  /** Why its name has no address; undefined: it has, or is one itself. */
  readonly problem?: string;
}

/** A port of the node that leads to a pod. */
export interface HostPortFacts {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** Who asked for it, the first first: it is the one that gets it. */
  readonly pods: readonly string[];
  /** A program of the node listens there too, and not for the node alone. */
  readonly listened: boolean;
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
  /** Making a file in stateDir, and in the socket's directory, or where these are to be made: worked, or the errno. */
  readonly writable: { readonly stateDir: 'ok' | string; readonly socket: 'ok' | string };
  /** An agent answers on the configured socket: then port, device and routes are its own. */
  readonly agentRuns: boolean;
  /** Device and VXLAN port are kept for the next agent (src/os/keeper.ts). */
  readonly kept: boolean;
  readonly interfaces: readonly InterfaceFacts[];
  /** Routes of the main table that overlap the cluster range, but the default route. */
  readonly routes: readonly ActualRoute[];
  /** Binding each underlay address, in their order, and the port: worked, or the errno. */
  readonly bind: readonly ('ok' | string)[];
  /** The same for gossip's port; undefined where there is no gossip. */
  readonly gossipBind: readonly GossipBind[] | undefined;
  /** The nodes to join, each with the own addresses that reach it, and whether its name has an address. */
  readonly joins: readonly JoinFacts[];
  /** Why the key file cannot be used; undefined: it can, or there is none. */
  readonly keyProblem: string | undefined;
  /** `net.ipv4.ip_forward`, `net.ipv6.conf.all.forwarding`; undefined: this kernel has no such family. */
  readonly forwarding: { readonly ipv4: boolean | undefined; readonly ipv6: boolean | undefined };
  /** rp_filter of a new device, and whether /proc/sys can be written to change it. */
  readonly rpFilter: {
    readonly all: number;
    readonly default: number;
    readonly writable: boolean;
    /** Of the underlay's device. */
    readonly underlay: number | undefined;
  };
  /** Peers whose packets the kernel would answer through another device than the underlay's. */
  readonly otherWays: readonly { readonly peer: Address; readonly device: string }[];
  /** disable_ipv6 of our device; undefined: there is none. */
  readonly ipv6Disabled: boolean | undefined;
  readonly hostPorts: readonly HostPortFacts[];
  readonly stealingRules: readonly StealingRule[];
  readonly xfrmPolicies: readonly XfrmPolicy[];
  /** Chains at input and forward, and rules in the way; undefined: cannot be read. */
  readonly firewall:
    | { readonly chains: readonly FirewallChain[]; readonly obstacles: readonly FirewallObstacle[] }
    | undefined;
  /** Packets that connection tracking has called invalid so far. */
  readonly invalidPackets: number;
  /** Connection tracking; undefined: not loaded. */
  readonly conntrack: { readonly count: number; readonly max: number } | undefined;
  /** Largest socket buffers without CAP_NET_ADMIN, bytes. */
  readonly socketBuffer: { readonly receive: number; readonly send: number };
  /** Files this process may open. */
  readonly openFiles: number;
  /** The MAC kept in stateDir, if there is one. */
  readonly keptMac: string | undefined;
}
