// Makes src/api/types.ts from the description of the API; with --check, only tells whether it is made from it.

import { readFileSync, writeFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

const DESCRIPTION = new URL("../docs/openapi.json", import.meta.url);
const TYPES = new URL("src/api/types.ts", import.meta.url);
const HEADER = "// The answers that pages use. Made from docs/openapi.json by `npm run types`: change that, not this.";

/** A schema of the description as the compiler reads it: others stand elsewhere there, and tuples have an older word. */
function adapted(schema) {
  if (Array.isArray(schema)) return schema.map(adapted);
  if (typeof schema !== "object" || schema === null) return schema;
  // With a description beside it, a reference would become a type of its own.
  if (typeof schema.$ref === "string") return { $ref: schema.$ref.replace("#/components/schemas/", "#/definitions/") };
  const { prefixItems, ...rest } = schema;
  const out = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, adapted(value)]));
  return prefixItems === undefined ? out : { ...out, items: adapted(prefixItems) };
}

/** The compiler's remarks, which repeat what the type says. */
const REMARK = /^ *\* (This interface was referenced by `Root`|via the `definition` "|@(min|max)Items ).*\n/gm;
const EMPTY = /^ *\/\*\*?\n( *\*\n)* *\*\/\n/gm;
const ONE_LINE = /\/\*\*\n *\* (.*)\n( *\*\s*\n)* *\*\//g;

/** The types of all schemas. */
async function schemas({ components }) {
  const root = { title: "Root", type: "object", additionalProperties: false, definitions: adapted(components.schemas) };
  const style = { printWidth: 140 };
  const text = await compile(root, "Root", { additionalProperties: false, bannerComment: "", unreachableDefinitions: true, style });
  const types = text.replace(/export interface Root \{\s*\}\s*/, "").replace(REMARK, "").replace(EMPTY, "");
  return types.replace(ONE_LINE, "/** $1 */").trim();
}

/** The name of the data that an operation answers with; nothing where it answers with no envelope. */
function dataOf(operation) {
  const parts = operation.responses["200"].content["application/json"]?.schema.allOf;
  return parts?.at(-1).properties.data.$ref.replace("#/components/schemas/", "");
}

/** The data of every path that is asked by a method. */
function table({ paths }, name, method) {
  const rows = Object.entries(paths).flatMap(([path, operations]) => {
    const data = operations[method] && dataOf(operations[method]);
    if (data === undefined) return [];
    const key = path.slice(1).replace(/\{\w+\}/g, "${string}");
    return [key.includes("$") ? `  [path: \`${key}\`]: ${data};` : `  "${key}": ${data};`];
  });
  return `/** What \`${method.toUpperCase()}\` answers, by path. */\nexport interface ${name} {\n${rows.join("\n")}\n}`;
}

const described = JSON.parse(readFileSync(DESCRIPTION, "utf8"));
const tables = [["Gets", "get"], ["Posts", "post"], ["Deletes", "delete"]].map(([name, method]) => table(described, name, method));
const made = [HEADER, await schemas(described), ...tables].join("\n\n") + "\n";

if (!process.argv.includes("--check")) {
  writeFileSync(TYPES, made);
} else if (readFileSync(TYPES, "utf8") !== made) {
  console.error("src/api/types.ts is not what docs/openapi.json makes of it: run `npm run types` and commit the result");
  process.exitCode = 1;
}
