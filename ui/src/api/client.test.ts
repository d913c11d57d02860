import { expect, it, vi } from "vitest";

vi.mock("../state/url", () => ({ base: "/" }));
const { refusal } = await import("./client");

const words = (status: number, stopping?: string) => refusal(status, new Headers(stopping === undefined ? {} : { "x-prometheus-stopping": stopping }));

it("a server that takes no questions says whether it starts or stops", () => {
  expect(words(503, "false")?.kind).toBe("starting");
  expect(words(503, "true")?.kind).toBe("stopping");
  expect(words(503)?.kind).toBe("starting");
  expect(words(404)?.kind).toBe("not_found");
  expect(words(502, "true")).toBeUndefined();
});

it("what was there before stays while the server is away, and only then", () => {
  expect(words(503, "true")?.away).toBe(true);
  expect(words(503, "false")?.away).toBe(false);
  expect(words(404)?.away).toBe(false);
});
