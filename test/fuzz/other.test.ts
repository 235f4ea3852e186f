/** Fuzzes what targets.ts lists under this name. */
import { otherTargets } from './targets.js';
import { testTargets } from './test-targets.js';

testTargets(otherTargets);
