// The matrix: four resources, each with utilisation, saturation and errors.

import { useMemo } from "preact/hooks";
import type { Value } from "../../api/promql";
import type { MatrixSeries } from "../../api/types";
import { Chart, type Drawn } from "../../charts/chart";
import { stroke, token } from "../../charts/colours";
import { hosts, lastOf, toLines } from "../../charts/series";
import { format } from "../../format/numbers";
import { dark } from "../../state/settings";
import { link } from "../../state/url";
import { type Figure, type Resource, standingOut, withWindow } from "./use";

interface Props {
  resources: readonly Resource[];
  data: Record<string, MatrixSeries[]>;
  errors: Record<string, Value[]>;
  alone: boolean;
  start: number;
  end: number;
  step: number;
  rates: number;
}

export function Matrix(props: Props) {
  // A node has one colour in all charts: by the order of names.
  const names = useMemo(() => {
    const all = Object.values(props.data).flat().map((series) => series.metric["instance"] ?? "");
    return [...new Set(all)].sort();
  }, [props.data]);
  return (
    <div class="matrix">
      {props.resources.map((resource) => (
        <div key={resource.title} class="resource">
          <h3>{resource.title}</h3>
          {resource.figures.map((figure, i) => (
            <Cell key={figure.id} {...props} figure={figure} names={names} height={i === 0 ? 116 : 122} xAxis={i === 1} />
          ))}
          <div class="errors">
            {resource.errors.map((error) => {
              const value = props.errors[error.title]?.[0]?.value;
              return (
                <a key={error.title} href={link("query", { "g0.expr": withWindow(error.query, props.rates), "g0.tab": "graph" })} class={value !== undefined && value > 0.005 && error.unit === "count" ? "bad" : ""}>
                  {error.title} <b>{value === undefined ? "0" : format(value, error.unit)}</b>
                </a>
              );
            })}
          </div>
        </div>
      ))}
    </div>
  );
}

function Cell({ data, alone, figure, names, start, end, step, height, xAxis, rates }: Omit<Props, "resources"> & { figure: Figure; names: string[]; height: number; xAxis: boolean }) {
  const series = data[figure.id] ?? [];
  const lines = useMemo(() => toLines(series, start, end, step), [series, start, end, step]);
  const label = (alone && figure.parts?.label) || "instance";
  const { drawn, together } = useMemo(() => {
    const host = hosts(names);
    const named = lines.lines.map((line) => {
      const last = lastOf(line.values);
      return { ...line, name: label === "instance" ? host(line.labels[label] ?? line.name) : (line.labels[label] ?? line.name), last };
    });
    const shown = standingOut(named, figure.levels, alone ? 8 : 3);
    const grey = token("ctx");
    const drawn: Drawn[] = named
      .map((line): Drawn => {
        const context = !shown.has(line.name);
        const place = alone ? [...shown].indexOf(line.name) : names.indexOf(line.labels["instance"] ?? "");
        const { colour } = stroke(Math.max(0, place));
        return { name: line.name, values: line.values, colour: context ? grey : colour, context };
      })
      .sort((a, b) => Number(b.context) - Number(a.context));
    const last = named.map((line) => line.last).filter(Number.isFinite);
    const sum = last.reduce((a, b) => a + b, 0);
    const together = last.length === 0 ? undefined : figure.together === "sum" ? sum : figure.together === "max" ? Math.max(...last) : sum / last.length;
    return { drawn, together };
    // The colours follow the theme.
  }, [lines, dark.value, alone, names, figure, label]);
  const query = withWindow((alone && figure.parts?.query) || figure.query, rates);
  return (
    <>
      <div class="caption">
        <a href={link("query", { "g0.expr": query, "g0.tab": "graph" })}>{figure.title}</a>
        <b>{together === undefined ? "–" : format(together, figure.unit)}</b>
      </div>
      {series.length === 0 ? (
        <div class="nothing" style={{ height: `${height}px` }}>
          no data
        </div>
      ) : (
        <Chart
          times={lines.times}
          drawn={drawn}
          unit={figure.unit}
          height={height}
          label={`${figure.title}: ${together === undefined ? "no data" : format(together, figure.unit)} now`}
          ends
          tip
          xAxis={xAxis}
          {...(figure.max === undefined ? {} : { max: figure.max })}
        />
      )}
    </>
  );
}
