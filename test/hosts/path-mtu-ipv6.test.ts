/** Paths over an IPv6 underlay that shrink and grow under load: path-mtu-load.ts. */
import { shrinkAndGrow } from './path-mtu-load.js';

shrinkAndGrow(6);
