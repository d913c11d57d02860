import { expect, it } from "vitest";
import { rank } from "./fuzzy";

const names = ["node_load1", "node_load15", "node_network_receive_bytes_total", "up", "apiserver_request_total"];

it("puts what begins with the text first", () => {
  expect(rank(names, "node_load", (name) => name).slice(0, 2)).toEqual(["node_load1", "node_load15"]);
});

it("finds the first letters of words", () => {
  expect(rank(names, "nnrb", (name) => name)[0]).toBe("node_network_receive_bytes_total");
});

it("leaves out what lacks a letter, and nothing without a text", () => {
  expect(rank(names, "xyz", (name) => name)).toEqual([]);
  expect(rank(names, "  ", (name) => name)).toEqual(names);
});
