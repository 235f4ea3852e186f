/** What happens in a cluster, in words for a log and for people who watch. */
import type { PoolUsage } from '../../core/ipam/subnet-claims.js';
import type { Card, SwimEvent } from '../../core/swim/types.js';
import { formatPrefix, type Prefix } from '../../wire/address.js';

/** What becomes of a member. */
export type MemberEvent<C extends Card> = Exclude<SwimEvent<C>, { kind: 'conflict' | 'refuted' | 'spent' }>;

/** @param node the name of the node that it is about */
export function eventWords(event: MemberEvent<Card>, node: string): string {
  switch (event.kind) {
    case 'joined':
      return `${node} is there`;
    case 'updated':
      return `${node} says something new of itself`;
    case 'suspected':
      return `${node} is suspected: it does not answer`;
    case 'recovered':
      return `${node} answers again`;
    case 'failed':
      return `${node} is dead: nobody reaches it`;
    case 'left':
      return `${node} has left`;
    case 'remembered':
      return `${node} was there before, and is not now`;
    case 'forgotten':
      return `${node} is forgotten: its name and its subnet are free`;
  }
}

/** @param accuser undefined: the others remember an earlier life of this node */
export function refutedWords(accuser: string | undefined): string {
  if (accuser === undefined) return 'this node is back: the others remembered an earlier life of it';
  return `${accuser || 'somebody'} did not reach this node, which says that it is alive`;
}

/** @param own the name's other bearer is at an address of this node's: it was this machine, before its state was lost */
export function nameTakenWords(name: string, at: string, own: boolean): string {
  return own
    ? `the name ${name} is that of a node at ${at}, which is this machine under an identity that its state directory has lost: ` +
        'put the file identity back, take another name with --node, or wait until the others forget it (gossip.forgetAfter)'
    : `the name ${name} is that of a node at ${at}: take another with --node`;
}

export function spentWords(): string {
  return (
    'this node has said the last that it can say of itself: the others take no change of it, and if they hold it for dead ' +
    'they go on so; end it, and start it when they have forgotten it (gossip.forgetAfter). Whoever led it here has the key'
  );
}

export function subnetWords({ podCidr }: { readonly podCidr: readonly Prefix[] }): string {
  return podCidr.map(formatPrefix).join(' and ');
}

export function exhaustedWords({ total, used, kept }: PoolUsage): string {
  return (
    `no subnet is free: of ${total}, ${used} are in use and ${kept} are kept for nodes that are away; ` +
    'widen clusterCidr, lengthen podPrefix, or let nodes that are gone for good be forgotten sooner (gossip.forgetAfter)'
  );
}
