/** Fuzzes what targets.ts lists under this name. */
import { pathTargets } from './targets.js';
import { testTargets } from './test-targets.js';

testTargets(pathTargets);
