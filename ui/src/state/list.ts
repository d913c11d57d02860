// Several values in one parameter of the address.

export function writeList(values: readonly string[]): string {
  return values.map((value) => value.replace(/[%,]/g, encodeURIComponent)).join(",");
}

export function readList(text: string): string[] {
  return text.split(",").map((part) => part.replace(/%2C/gi, ",").replace(/%25/g, "%"));
}
