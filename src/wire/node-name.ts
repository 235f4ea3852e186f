/** Names of nodes: ASCII, so that characters are bytes. */

const NODE_NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/i;

/** The same in words. */
export const NODE_NAME_RULE =
  'letters, digits, dots, hyphens and underscores, 1 to 63, with a letter or digit at both ends';

/** Longest name, in bytes. */
export const MAX_NAME = 63;

/** Whether a node may be called so. */
export function isNodeName(name: string): boolean {
  return NODE_NAME.test(name);
}
