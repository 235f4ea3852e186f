/** Paths over an IPv4 underlay that shrink and grow under load: path-mtu-load.ts. */
import { shrinkAndGrow } from './path-mtu-load.js';

shrinkAndGrow(4);
