import { describe, expect, it } from "vitest";
import { Ink, type Plane } from "./ink";

const plane = (width: number, height: number, points: number): Plane => ({
  width,
  height,
  x: Float64Array.from({ length: points }, (_, i) => (i * width) / (points - 1)),
  y: (value) => height - value,
});
const line = (...values: number[]) => new Float64Array(values);

function drawn(at: Plane, ...lines: Float64Array<ArrayBuffer>[]): number[][] {
  const ink = new Ink(at, 1);
  for (const values of lines) ink.line(values, 2);
  const all = ink.coverage();
  return Array.from({ length: at.height }, (_, row) => [...all.subarray(row * at.width, (row + 1) * at.width)]);
}

const covered = (rows: number[][]) => rows.map((row) => row.map((one) => (one > 127 ? "#" : one > 0 ? "+" : ".")).join(""));

describe("ink", () => {
  it("draws a level line as wide as the pen", () => {
    expect(covered(drawn(plane(4, 4, 3), line(1.5, 1.5, 1.5)))).toEqual(["....", "....", "####", "...."]);
  });

  it("shares a line between two pixels among them", () => {
    const rows = drawn(plane(2, 4, 2), line(2, 2));
    expect(rows[1]).toEqual(rows[2]);
    expect(rows[1]?.every((one) => one > 110 && one < 145)).toBe(true);
  });

  it("keeps what rises and falls within one column", () => {
    const values = new Float64Array(101).fill(1);
    values[50] = 39;
    const rows = covered(drawn(plane(10, 40, 101), values));
    const column = rows.map((row) => row[5] ?? row[4]).join("");
    expect(column.slice(1, 39)).not.toContain(".");
    expect(rows.filter((row) => row.includes("#") || row.includes("+")).length).toBeGreaterThan(37);
  });

  it("leaves gaps, and draws lone points as dots", () => {
    const rows = covered(drawn(plane(30, 9, 7), line(4.5, 4.5, NaN, 4.5, NaN, 4.5, 4.5)));
    const middle = rows[4] ?? "";
    expect(middle.slice(0, 5)).toBe("#####");
    expect(middle.slice(6, 12)).toBe("......");
    expect(middle.slice(14, 16)).toBe("##");
    expect(middle.slice(18, 24)).toBe("......");
    expect(middle.slice(26, 30)).toBe("####");
    expect((rows[3] ?? "").slice(13, 17)).toContain("#");
  });

  it("stays in the picture whatever the values are", () => {
    const rows = drawn(plane(5, 5, 3), line(-1e9, 1e9, NaN), line(1e9, 1e9, 1e9), line(-3, -3, -3));
    expect(rows.flat().every((one) => one >= 0 && one <= 255)).toBe(true);
    expect(rows.flat().some((one) => one > 127)).toBe(true);
  });

  it("covers more where lines lie on each other, and never less elsewhere", () => {
    const one = drawn(plane(4, 4, 2), line(2, 2)).flat();
    const two = drawn(plane(4, 4, 2), line(2, 2), line(2, 2)).flat();
    expect(two.every((value, i) => value >= (one[i] ?? 0))).toBe(true);
    expect(Math.max(...two)).toBeGreaterThan(Math.max(...one));
  });

  it("leaves nothing behind of many lines", () => {
    const many = Array.from({ length: 2000 }, (_, n) => line(10 + (n % 7) * 0.37, 10 + (n % 11) * 0.29));
    const rows = drawn(plane(6, 40, 2), ...many);
    expect(rows.slice(0, 20).flat().every((one) => one === 0)).toBe(true);
    expect(rows.slice(35).flat().every((one) => one === 0)).toBe(true);
  });
});
