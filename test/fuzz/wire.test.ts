/** Mutated packets against everything that reads or rewrites a packet: wire-targets.ts says what must hold. */
import { testTargets } from './test-targets.js';
import { wireTargets } from './wire-targets.js';

testTargets(wireTargets);
