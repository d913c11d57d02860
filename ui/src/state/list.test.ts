import { expect, it } from "vitest";
import { readList, writeList } from "./list";

it("several values fit into one parameter of the address", () => {
  for (const list of [["a"], ["a,b", "c"], ["50%", "%2C"], [""]]) expect(readList(writeList(list))).toEqual(list);
});
