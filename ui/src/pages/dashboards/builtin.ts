// The dashboards that come with the server; their data are files of their own, loaded when somebody looks.

import type { Board } from "./model";

export interface Entry {
  id: string;
  title: string;
  group: string;
}

const FILES: Record<string, () => Promise<{ default: unknown }>> = {
  "use-node": () => import("./data/use-node.json"),
  "use-cluster": () => import("./data/use-cluster.json"),
  volumes: () => import("./data/volumes.json"),
  cluster: () => import("./data/cluster.json"),
  "namespace-pods": () => import("./data/namespace-pods.json"),
  "namespace-workloads": () => import("./data/namespace-workloads.json"),
  "nodes-overview": () => import("./data/nodes-overview.json"),
  "node-pods": () => import("./data/node-pods.json"),
  workload: () => import("./data/workload.json"),
  pod: () => import("./data/pod.json"),
};

export const BUILTIN: readonly Entry[] = [
  { id: "use-node", title: "USE Method / Node", group: "Nodes" },
  { id: "use-cluster", title: "USE Method / Cluster", group: "Nodes" },
  { id: "volumes", title: "Persistent Volumes", group: "Kubernetes" },
  { id: "cluster", title: "Compute Resources / Cluster", group: "Kubernetes" },
  { id: "namespace-pods", title: "Compute Resources / Namespace (Pods)", group: "Kubernetes" },
  { id: "namespace-workloads", title: "Compute Resources / Namespace (Workloads)", group: "Kubernetes" },
  { id: "nodes-overview", title: "Compute Resources / Nodes Overview", group: "Kubernetes" },
  { id: "node-pods", title: "Compute Resources / Node (Pods)", group: "Kubernetes" },
  { id: "workload", title: "Compute Resources / Workload", group: "Kubernetes" },
  { id: "pod", title: "Compute Resources / Pod", group: "Kubernetes" },
];

/** A built-in dashboard; `undefined` for a name that none has. */
export async function builtin(id: string): Promise<Board | undefined> {
  const load = Object.hasOwn(FILES, id) ? FILES[id] : undefined;
  // A test reads each file against what the type says.
  return load === undefined ? undefined : ((await load()).default as Board);
}
