/**
 * The Kubernetes network model as questions: who asks whom at which address, and as whom it must be seen there. Pure.
 *
 * | rule               | what the model says                                                                  |
 * |--------------------|--------------------------------------------------------------------------------------|
 * | `pod to pod`       | pods reach all pods, on any node, without NAT                                        |
 * | `node to pod`      | a node reaches all pods, without NAT                                                 |
 * | `pod to node`      | and they reach it, at its address in the overlay and at the one below                |
 * | `pod to itself`    | the address that a pod sees itself as is the one that others see                     |
 * | `inside a pod`     | its containers share one network: they meet on loopback                              |
 *
 * A macvlan pod stands in its node's own network: it and the others meet where they share that (docs/pods.md).
 */
import { type Address, parseAddress, prefixContains, prefixOf } from '../wire/address.js';

export const RULES = ['pod to pod', 'node to pod', 'pod to node', 'pod to itself', 'inside a pod'] as const;
export type Rule = (typeof RULES)[number];

/** Who asks, and is asked. */
export interface Party {
  readonly node: string;
  /** Of a pod; absent: it is the node itself. */
  readonly attach?: string;
  /** One a family: a pod's, or the node's in the overlay. */
  readonly addresses: readonly string[];
  /** The node's addresses below the overlay. */
  readonly underlays: readonly string[];
  /** `macvlan`: its addresses with the prefix lengths of their networks. */
  readonly networks?: readonly string[];
}

/** One connection that is to be tried. */
export interface Question {
  readonly rule: Rule;
  /** Who asks: a node, or a pod as `node/attachment`. */
  readonly from: string;
  readonly to: string;
  /** That is asked. */
  readonly address: string;
  readonly expected: string;
}

/** One that was tried. */
export interface Trial extends Question {
  /** That the other saw; empty: there was no answer. */
  readonly seen: string;
  readonly ok: boolean;
}

/** What a party asks the others, and itself; only what is promised. */
export function questionsOf(from: Party, parties: readonly Party[]): Question[] {
  const questions = parties.flatMap((to) => questionsTo(from, to));
  if (from.attach === undefined) return questions;
  const loopbacks = ['127.0.0.1', '::1'].map((address): Question => {
    return { rule: 'inside a pod', from: nameOf(from), to: nameOf(from), address, expected: address };
  });
  return [...questions, ...loopbacks];
}

/** @param seen in the order of the questions; empty: no answer */
export function trialsOf(questions: readonly Question[], seen: readonly string[]): Trial[] {
  return questions.map((question, i) => ({ ...question, seen: seen[i] ?? '', ok: seen[i] === question.expected }));
}

function nameOf({ node, attach }: Party): string {
  return attach === undefined ? node : `${node}/${attach}`;
}

function questionsTo(from: Party, to: Party): Question[] {
  const [asking, asked] = [from.attach !== undefined, to.attach !== undefined];
  if (!asking && !asked) return [];
  const rule = from === to ? 'pod to itself' : !asking ? 'node to pod' : asked ? 'pod to pod' : 'pod to node';
  const addresses = asked ? to.addresses : [...to.addresses, ...to.underlays];
  return addresses.flatMap((address) => {
    const expected = expectedAt(from, to, address.includes(':'));
    return expected === undefined ? [] : { rule, from: nameOf(from), to: nameOf(to), address, expected };
  });
}

/** As whom it is seen; undefined: nothing is promised. */
function expectedAt(from: Party, to: Party, ipv6: boolean): string | undefined {
  const own = from.addresses.find((address) => address.includes(':') === ipv6);
  if (!from.networks && !to.networks) return own;
  const near = nearby(from, to, ipv6);
  if (from.attach !== undefined) return near === undefined ? undefined : own;
  // The node is in that network as well, and seen as its address there.
  return near;
}

/** The first's address, or its node's, in the network that both share; undefined: there is none. */
function nearby(from: Party, to: Party, ipv6: boolean): string | undefined {
  const network = [...(from.networks ?? []), ...(to.networks ?? [])].find((text) => text.includes(':') === ipv6);
  const stands = ({ networks, addresses, underlays }: Party) =>
    network === undefined ? undefined : (networks ? addresses : underlays).find((address) => isIn(network, address));
  const [one, other] = [stands(from), stands(to)];
  return other === undefined ? undefined : one;
}

function isIn(network: string, text: string): boolean {
  const [host, length] = network.split('/');
  const [base, address]: (Address | undefined)[] = [parseAddress(host), parseAddress(text)];
  return base !== undefined && address !== undefined && prefixContains(prefixOf(base, Number(length)), address);
}
