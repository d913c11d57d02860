import { describe, expect, it } from "vitest";
import { eachPoint, pack, unpack } from "./packed";
import { takePoints, toNumber } from "./points";
import type { MatrixSeries } from "./types";

const VALUES = ["0.1", "NaN", "+Inf", "-Inf", "1e-7", "-0", "12345678901234567890", "0.13333333333333333", "-2.5e+300", "7", "0.000001", "123456789.012345"];
const values = VALUES.map((text, i): [number, string] => [1764093000 + i * 0.3, text]);
/** A label that looks like points. */
const FALSE_LIST = ',"values":[[1,"2"]]';
const envelope = (result: unknown) => ({ status: "success", data: { resultType: "matrix", result } });
const result = [{ metric: { a: FALSE_LIST, b: "ü", values: "[[" }, values }, { metric: {}, histograms: [[1, { count: "1", sum: "2" }]] }, { metric: {}, values: [[5, "6"]], histograms: [] }];

function moved(text: string): MatrixSeries[] {
  const { value, numbers } = pack(text);
  const there = unpack(structuredClone({ value, ...(numbers ? { numbers } : {}) })) as { data: { result: MatrixSeries[] } };
  return there.data.result;
}

const points = (series: MatrixSeries | undefined) => {
  const all: [number, number][] = [];
  if (series) eachPoint(series, (time, value) => all.push([time, value]));
  return all;
};

describe("points of a matrix", () => {
  it("arrive as the numbers that they were written as", () => {
    const text = JSON.stringify(envelope(result));
    const there = moved(text);
    expect(takePoints(text)?.text).not.toContain("0.13333333333333333");
    expect(there.map((series) => series.metric)).toEqual(result.map((series) => series.metric));
    expect(points(there[0])).toEqual(values.map(([time, written]) => [time, toNumber(written)]));
    expect(points(there[2])).toEqual([[5, 6]]);
    expect(there[0]?.values?.map(([, written]) => toNumber(written))).toEqual(VALUES.map(toNumber));
    expect(there[1]?.histograms).toEqual(result[1]?.histograms);
  });

  it("are the same to the last bit, whatever their digits", () => {
    let seed = 1;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    const written = Array.from({ length: 5000 }, () => {
      const number = (random() - 0.5) * 10 ** Math.floor(random() * 40 - 20);
      return random() < 0.5 ? String(number) : number.toFixed(Math.floor(random() * 20));
    });
    const [series] = moved(JSON.stringify(envelope([{ metric: {}, values: written.map((one, i) => [i / 1000, one]) }])));
    expect(points(series)).toEqual(written.map((one, i) => [i / 1000, Number(one)]));
  });

  it("are read by the JSON parser where they are written otherwise", () => {
    for (const text of [
      JSON.stringify(envelope(result), undefined, 1),
      JSON.stringify(envelope([{ metric: {}, values: [[1, 2]] }])),
      JSON.stringify(envelope([{ metric: {}, values: [[1, "2", 3]] }])),
      JSON.stringify(envelope([{ metric: {}, values: [[1, "two"]] }])),
    ]) {
      expect(takePoints(text)).toBeUndefined();
      expect(unpack(pack(text))).toEqual(JSON.parse(text));
    }
    expect(() => pack('{"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"')).toThrow();
  });
});

it("leaves other answers as they are", () => {
  for (const other of [null, 7, "text", {}, { data: null }, { data: { resultType: "vector", result: [{ metric: {}, value: [1, "2"] }] } }]) {
    expect(unpack(pack(JSON.stringify(other)))).toEqual(other);
  }
});
