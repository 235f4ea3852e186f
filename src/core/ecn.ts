/**
 * Explicit congestion notification across a tunnel (RFC 6040), on the two low bits of the TOS or traffic class: what a
 * router outside marks must reach the receiver inside, or a congested underlay is not heard.
 */

export const NOT_ECT = 0;
export const ECT_1 = 1;
export const ECT_0 = 2;
export const CE = 3;
export const ECN_MASK = 3;

/** What `decapsulatedEcn` says of a packet that must not be passed on. */
export const ECN_DROP = -1;

/**
 * The inner packet's ECN behind the tunnel (RFC 6040 §4.2, figure 4), or `ECN_DROP`: congestion was marked outside, and
 * the inner packet's transport would not understand it.
 *
 * ```
 *               outer  Not-ECT   ECT(0)    ECT(1)    CE
 *  inner Not-ECT       Not-ECT   Not-ECT   Not-ECT   drop
 *        ECT(0)        ECT(0)    ECT(0)    ECT(1)    CE
 *        ECT(1)        ECT(1)    ECT(1)    ECT(1)    CE
 *        CE            CE        CE        CE        CE
 * ```
 */
export function decapsulatedEcn(inner: number, outer: number): number {
  if (outer === CE) return inner === NOT_ECT ? ECN_DROP : CE;
  return outer === ECT_1 && inner === ECT_0 ? ECT_1 : inner;
}
