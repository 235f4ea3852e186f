/** Mutated bytes against everything of gossip that reads what others sent: gossip-targets.ts says what must hold. */
import { gossipTargets } from './gossip-targets.js';
import { testTargets } from './test-targets.js';

testTargets(gossipTargets);
