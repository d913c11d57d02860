import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { curlLine } from "./curl";

it("asks within the timeout of the scrape", () => {
  expect(curlLine("http://a:9100/metrics", 10)).toBe("curl -sS -m 10 'http://a:9100/metrics'");
  expect(curlLine("http://a:9100/metrics", undefined)).toBe("curl -sS 'http://a:9100/metrics'");
});

it("is read by a shell as it was meant, whatever the address holds", () => {
  const url = "http://a/'; echo pwned; '?x=$(id)&y=`id`\\";
  const words = execFileSync("sh", ["-c", curlLine(url, 1).replace("curl", "printf '%s\\n'")], { encoding: "utf8" });
  expect(words).toBe(`-sS\n-m\n1\n${url}\n`);
});
