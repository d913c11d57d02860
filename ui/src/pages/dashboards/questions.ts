// The questions of panels.

import type { Answer } from "../../api/client";
import { toNumber } from "../../api/points";
import { instant, range } from "../../api/promql";
import { type Figures, type Ranges, type Ready, type Scene, reduced } from "./data";
import type { Reducer } from "./model";

async function together<T>(answers: Promise<Answer<T>>[]): Promise<Answer<T[]>> {
  const all = await Promise.all(answers);
  return {
    data: all.map((answer) => answer.data),
    warnings: [...new Set(all.flatMap((answer) => answer.warnings))],
    infos: [],
  };
}

export function askRanges(queries: readonly Ready[], { start, end, step }: Scene, signal: AbortSignal): Promise<Answer<Ranges>> {
  return together(queries.map(({ expr }) => range(expr, start, end, step, signal)));
}

/** Figures at the end of the window, or of the whole window where a panel reduces it. */
export function askFigures(queries: readonly Ready[], reducer: Reducer | undefined, scene: Scene, signal: AbortSignal): Promise<Answer<Figures>> {
  if (reducer === undefined || reducer === "last") return together(queries.map(({ expr }) => instant(expr, scene.end, signal)));
  return together(
    queries.map(async ({ expr }) => {
      const answer = await range(expr, scene.start, scene.end, scene.step, signal);
      return { ...answer, data: answer.data.map(({ metric, values = [] }) => ({ labels: metric, value: reduced(values.map(([, text]) => toNumber(text)), reducer) })) };
    }),
  );
}
