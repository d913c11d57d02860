// A line without axes, for tables.

import type { Values } from "./series";

export function Spark({ values, width = 92, height = 18, colour = "var(--text-3)", max }: { values: Values; width?: number; height?: number; colour?: string; max?: number }) {
  const top = max ?? (values.reduce((most, value) => (value > most ? value : most), 0) * 1.05 || 1);
  let path = "";
  let pen = false;
  values.forEach((value, i) => {
    if (Number.isNaN(value)) {
      pen = false;
      return;
    }
    const x = (width * i) / Math.max(1, values.length - 1);
    const y = height - 1 - (height - 2) * Math.min(1, Math.max(0, value / top));
    path += `${pen ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  });
  return (
    <svg width={width} height={height} class="spark" aria-hidden="true">
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} stroke="var(--line)" />
      <path d={path} fill="none" stroke={colour} stroke-width="1.25" />
    </svg>
  );
}
