/** A hash of a packet's flow, by which source ports are chosen: packets of one flow go one way, flows spread. */
import { get32 } from '../wire/big-endian.js';
import { type IpView, SCTP, TCP, UDP } from '../wire/ip.js';

/**
 * 31 mixed bits of addresses, protocol and ports (TCP, UDP, SCTP). Of fragments only the addresses count, since
 * only the first of them has ports. The two directions of a flow hash differently.
 * @returns 0 to 2^31 - 1: an engine keeps a larger number as an object, one for each packet
 */
export function flowHash(view: IpView): number {
  let hash = stir(0, view.src0);
  hash = stir(hash, view.src1);
  hash = stir(hash, view.src2);
  hash = stir(hash, view.src3);
  hash = stir(hash, view.dst0);
  hash = stir(hash, view.dst1);
  hash = stir(hash, view.dst2);
  hash = stir(hash, view.dst3);
  if (!view.fragment) {
    hash = stir(hash, view.protocol);
    if (hasPorts(view)) hash = stir(hash, get32(view.bytes, view.offset + view.transport));
  }
  return finish(hash);
}

function hasPorts(view: IpView): boolean {
  const { protocol, transport } = view;
  return (
    (protocol === TCP || protocol === UDP || protocol === SCTP) && transport !== -1 && transport + 4 <= view.length
  );
}

/** One word into the hash: the round of MurmurHash3 (x86, 32 bits). */
function stir(hash: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e_2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b87_3593);
  const stirred = hash ^ mixed;
  return (Math.imul((stirred << 13) | (stirred >>> 19), 5) + 0xe654_6b64) | 0;
}

/** Its finalizer: every bit of the input flips each bit of the result half the time. */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) & 0x7fff_ffff;
}
