/** What was counted for each pod, for Prometheus: series of a bounded number, whatever runtimes call their pods. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { PodStatus, PodTraffic } from '../control/node-api.js';

/** Pods that have series of their own: as many as a node of Kubernetes runs, and the rest are a number. */
export const MOST_PODS = 256;
/** Characters of a label at most: a name in Kubernetes has no more (RFC 1123). */
const LONGEST_LABEL = 253;

type PodLabel = (typeof POD_LABELS)[number];
const POD_LABELS = ['namespace', 'pod', 'interface', 'device'] as const;

interface PodMetric {
  readonly metric: Counter<PodLabel>;
  /** Undefined: it is not counted. */
  readonly value: (traffic: PodTraffic) => number | undefined;
}

/** As the runtime names it; a container that it does not name as a pod has no namespace. */
function podLabels({ pod, containerId, ifname, device }: PodStatus): Record<PodLabel, string> {
  const name = pod ?? containerId;
  const slash = name.indexOf('/');
  const cut = (text: string) => text.slice(0, LONGEST_LABEL);
  return {
    namespace: cut(name.slice(0, Math.max(0, slash))),
    pod: cut(name.slice(slash + 1)),
    interface: ifname,
    device,
  };
}

export class PodMetrics {
  readonly #attached: Gauge;
  readonly #unlisted: Gauge;
  readonly #traffic: readonly PodMetric[];

  constructor(registry: Registry) {
    const registers = [registry];
    this.#attached = new Gauge({ name: 'podwire_pods', help: 'interfaces of pods that are attached', registers });
    this.#unlisted = new Gauge({
      name: 'podwire_pods_unlisted',
      help: `of these, those without series of their own: the ${MOST_PODS} that are there the longest have them`,
      registers,
    });
    this.#traffic = POD_METRICS.map(({ name, help, value }) => {
      const options = { name, help, labelNames: POD_LABELS, registers };
      return { metric: new Counter(options), value };
    });
  }

  /** Pods that are gone are gone here too. @param pods the oldest first */
  set(pods: readonly PodStatus[]): void {
    const listed = pods.slice(0, MOST_PODS);
    this.#attached.set(pods.length);
    this.#unlisted.set(pods.length - listed.length);
    for (const { metric, value } of this.#traffic) {
      metric.reset();
      for (const pod of listed) {
        const figure = pod.traffic && value(pod.traffic);
        if (figure !== undefined) metric.inc(podLabels(pod), figure);
      }
    }
  }
}

const POD_METRICS = [
  {
    name: 'podwire_pod_sent_packets_total',
    help: 'packets that the pod sent',
    value: (t: PodTraffic) => t.sentPackets,
  },
  {
    name: 'podwire_pod_sent_bytes_total',
    help: 'their bytes, with Ethernet headers',
    value: (t: PodTraffic) => t.sentBytes,
  },
  {
    name: 'podwire_pod_sent_dropped_total',
    help: "packets of the pod that the node's device dropped",
    value: (t: PodTraffic) => t.sentDropped,
  },
  {
    name: 'podwire_pod_received_packets_total',
    help: 'packets handed to the pod',
    value: (t: PodTraffic) => t.receivedPackets,
  },
  {
    name: 'podwire_pod_received_bytes_total',
    help: 'their bytes, with Ethernet headers',
    value: (t: PodTraffic) => t.receivedBytes,
  },
  {
    name: 'podwire_pod_received_dropped_total',
    help: "packets to the pod that the node's device dropped",
    value: (t: PodTraffic) => t.receivedDropped,
  },
  {
    name: 'podwire_pod_forged_total',
    help: 'packets of the pod dropped: they bore an address that is not its own',
    value: (t: PodTraffic) => t.forged,
  },
];
