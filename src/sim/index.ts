/**
 * The membership protocol of thousands of nodes in one process, under a virtual clock: the shipped state machine, a
 * network that loses, doubles, delays and splits, and what came of it. The same seed gives the same run.
 *
 * ```ts
 * import { checkScenario, noticedBy, runScenario } from 'podwire/sim';
 * const report = runScenario(checkScenario({ nodes: 1000, seconds: 60, actions: [{ at: 10, kill: 1 }] }), 7);
 * noticedBy(report.spreads[0], 1); // ms until all knew
 * ```
 */
export { LAN, type SwimProfile, WAN } from '../core/swim/profile.js';
export type { Swim } from '../core/swim/swim.js';
export type { SwimEvent } from '../core/swim/types.js';
export { type SimCard, SimCluster, type SimOptions } from './cluster.js';
export { convergenceSvg } from './convergence.js';
export { type NetworkModel, SimNetwork, type Slowness } from './network.js';
export { noticedBy, type OnNotice, type OnProgress, type RunReport, runScenario, type Spread } from './run.js';
export { type Action, BUILT_IN, checkScenario, parseScenario, type Scenario } from './scenario.js';
export { PURPOSES, type Purpose, type Traffic, type TrafficMeter } from './traffic.js';
