/** The agent as its callers see it: what it is given, what it gives back. It is put together in src/agent.ts. */
import type { NodeConfig } from './config/node-config.js';
import type { NodeApi } from './node-api.js';

/** Where the agent tells what happens. Facts come first, as in pino, so a pino logger is one. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface AgentOptions {
  readonly config: NodeConfig;
  /** Reads the configuration again, for `reload`. Throws `PodwireError` CONFIG with every problem. */
  readonly readConfig: () => NodeConfig;
  readonly log: Log;
  /**
   * Starts another process that takes the place of this one, as a child of whoever started this one, for `restart`.
   * @returns its number
   */
  readonly startSuccessor?: () => Promise<number>;
  /** Takes the place of the agent that runs, if one does. */
  readonly takesOver?: boolean;
}

/** A node, from before it starts until it has ended. */
export interface Agent extends NodeApi {
  /**
   * Resolves to true once packets flow, which may take as long as it takes to join a cluster; to false if the node was
   * asked to end before.
   * @throws PodwireError: the node does not run, and what was made is taken back
   */
  start(): Promise<boolean>;
  /**
   * What a service manager asks for: `down`, but while pods live device, routes and place in the cluster are kept for some
   * time, for another agent to go on with.
   */
  end(): Promise<void>;
  /** To whom all but the traffic was handed over carries it now: ends, and leaves all. Otherwise does nothing. */
  giveWay(): Promise<void>;
  /** Resolves with the exit code when the node has ended: 0 asked to, 1 failed. What it made is removed by then. */
  readonly stopped: Promise<number>;
}
