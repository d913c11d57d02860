// Symbols of the pages, 16 × 16, drawn with the text's colour.

const PATHS = {
  overview: '<rect x="2.5" y="2.5" width="4.5" height="4.5" rx="1"/><rect x="9" y="2.5" width="4.5" height="4.5" rx="1"/><rect x="2.5" y="9" width="4.5" height="4.5" rx="1"/><rect x="9" y="9" width="4.5" height="4.5" rx="1"/>',
  explore: '<path d="M2 2.5v11h12M4.5 10l3-3.5 2.5 2 3.5-5"/>',
  dashboards: '<rect x="2.5" y="2.5" width="11" height="11" rx="1.5"/><path d="M2.5 7h11M8 7v6.5"/>',
  targets: '<circle cx="8" cy="8" r="5.5"/><circle cx="8" cy="8" r="1.75"/>',
  alerts: '<path d="M8 2.5 14 13H2z"/><path d="M8 6.5v3M8 11.2v.1"/>',
  cardinality: '<path d="M2.5 3.5h11M2.5 6.5h8M2.5 9.5h5M2.5 12.5h3"/>',
  queries: '<circle cx="8" cy="8" r="5.5"/><path d="M8 5v3.2l2 1.3"/>',
  status: '<rect x="2.5" y="3" width="11" height="4" rx="1"/><rect x="2.5" y="9" width="11" height="4" rx="1"/><path d="M5 5h.1M5 11h.1"/>',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      // The paths are constants of this file.
      dangerouslySetInnerHTML={{ __html: PATHS[name] }}
    />
  );
}

export function Logo() {
  return (
    <svg width="18" height="18" viewBox="0 0 18 18" fill="none" stroke="currentColor" stroke-width="1.75" aria-hidden="true">
      <path d="M2.5 16V8.5a6.5 6.5 0 0 1 13 0V16" />
      <path d="M6.5 16V9a2.5 2.5 0 0 1 5 0v7M1 16h16" />
    </svg>
  );
}

/** Status by shape and colour: critical ▲, warning ■, down ●, up ○. */
export function Mark({ kind, label }: { kind: "critical" | "warning" | "down" | "up" | "unknown"; label?: string }) {
  const [shape, colour] = { critical: ["▲", "crit"], warning: ["■", "warn"], down: ["●", "crit"], up: ["○", "ok"], unknown: ["○", "t3"] }[kind] ?? ["○", "t3"];
  return (
    <span class={`mark ${colour}`} role="img" aria-label={label ?? kind}>
      {shape}
    </span>
  );
}
