/** The protocol's parameters, for networks of two kinds, and the formulas that follow from them. */

/** Every parameter of SWIM and Lifeguard. Times are milliseconds. */
export interface SwimProfile {
  /** From one probe to the next, ms, while this node is in good health. */
  readonly probeInterval: number;
  /** How long the answer to a direct ping is awaited before others are asked to ping, ms; shorter than `probeInterval`. */
  readonly probeTimeout: number;
  /** Members that are asked to ping where a direct ping is not answered. */
  readonly indirectChecks: number;
  /** Whether a ping over a stream goes beside the indirect ones: it tells datagrams that are lost from a dead member. */
  readonly streamPing: boolean;
  /** Shortest suspicion, in probe intervals per decimal digit of the number of members; two less are the confirmations wanted. */
  readonly suspicionMult: number;
  /** Longest suspicion, in shortest ones. */
  readonly suspicionMaxMult: number;
  /** Members that are told the news in one gossip interval. */
  readonly gossipNodes: number;
  /** Datagrams to each of them in a round, at most: more than one only while there is more news than one can carry. */
  readonly gossipPackets: number;
  /** Between two rounds of gossip, ms, while there is news. */
  readonly gossipInterval: number;
  /** How long a dead member is still told, so that it can refute, ms. */
  readonly gossipToTheDead: number;
  /** Between two exchanges of full states, ms, up to 32 members. */
  readonly pushPullInterval: number;
  /** Transmissions of one update per decimal digit of the number of members. */
  readonly retransmitMult: number;
  /** The worst local health (Lifeguard's S); timeouts are longer by up to this factor and one. */
  readonly awarenessMax: number;
  /** Largest datagram, bytes, with everything that the driver puts around an update. */
  readonly packetBytes: number;
  /** How long dead and left members are remembered, ms. */
  readonly forgetAfter: number;
  /** Members, dead ones too, beyond which nobody new is taken in. */
  readonly maxMembers: number;
}

/** For machines within a few milliseconds of each other. */
export const LAN: SwimProfile = {
  probeInterval: 1000,
  probeTimeout: 500,
  indirectChecks: 3,
  streamPing: true,
  suspicionMult: 4,
  suspicionMaxMult: 6,
  gossipNodes: 3,
  gossipPackets: 4,
  gossipInterval: 200,
  gossipToTheDead: 30_000,
  pushPullInterval: 30_000,
  retransmitMult: 4,
  awarenessMax: 8,
  packetBytes: 1400,
  forgetAfter: 3_600_000,
  maxMembers: 16_384,
};

/** For machines that are continents apart. */
export const WAN: SwimProfile = {
  ...LAN,
  probeInterval: 5000,
  probeTimeout: 3000,
  suspicionMult: 6,
  gossipNodes: 4,
  gossipInterval: 500,
  gossipToTheDead: 60_000,
  pushPullInterval: 60_000,
};

/** A helper says that it got no answer after this part of `probeTimeout`: in time for the asker's deadline (Lifeguard §IV-A). */
export const NACK_AFTER = 0.8;

/** Members up to which full states are exchanged every `pushPullInterval`. */
const PUSH_PULL_UNSTRETCHED = 32;

/** The shortest suspicion among `n` members, ms: all confirmations came. */
export function suspicionMin(profile: SwimProfile, n: number): number {
  return profile.suspicionMult * Math.max(1, Math.log10(Math.max(1, n))) * profile.probeInterval;
}

/** The longest suspicion among `n` members, ms: nobody confirmed it. */
export function suspicionMax(profile: SwimProfile, n: number): number {
  return profile.suspicionMaxMult * suspicionMin(profile, n);
}

/** Confirmations that make a suspicion as short as can be; none are awaited where there are too few members to give them. */
export function confirmationsWanted(profile: SwimProfile, n: number): number {
  const wanted = profile.suspicionMult - 2;
  return n - 2 < wanted ? 0 : wanted;
}

/**
 * How long a suspicion lasts from its beginning after `confirmations` of the `wanted` (Lifeguard §IV-B): each halves about
 * as much doubt as the one before.
 * @param min ms
 * @param max ms
 */
export function suspicionTimeout(min: number, max: number, wanted: number, confirmations: number): number {
  if (wanted < 1) return min;
  return Math.max(min, max - ((max - min) * Math.log(confirmations + 1)) / Math.log(wanted + 1));
}

/** How often one update is sent by one of `n` members. */
export function retransmitLimit(profile: SwimProfile, n: number): number {
  return profile.retransmitMult * Math.ceil(Math.log10(n + 1));
}

/** The time between two exchanges of full states, ms: their total cost must not grow with the square of `n`. */
export function pushPullInterval(profile: SwimProfile, n: number): number {
  if (n <= PUSH_PULL_UNSTRETCHED) return profile.pushPullInterval;
  return profile.pushPullInterval * (Math.ceil(Math.log2(n) - Math.log2(PUSH_PULL_UNSTRETCHED)) + 1);
}
