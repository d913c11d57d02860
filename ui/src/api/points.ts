// The points of a range query's answer, read straight from its text: a million of them would be a million small arrays
// and texts for the JSON parser, and are two million numbers here.

/** An answer's text with `"packed":[from,to]` in the place of each list of points, and the numbers that this means. */
export interface Points {
  text: string;
  /** Time, value, time, value … */
  numbers: Float64Array<ArrayBuffer>;
}

/** A list of points; behind a comma a quote cannot be the end of a text, so that no label looks like it. */
const LIST = ',"values":[[';
/** So many digits are exact in a number, and so are powers of ten up to this one. */
const EXACT = 15;
const POWERS = Array.from({ length: EXACT + 1 }, (_, n) => 10 ** n);

const [BRACKET, CLOSE, COMMA, QUOTE, MINUS, DOT, ZERO, NINE] = [..."[],\"-.09"].map((c) => c.charCodeAt(0)) as [number, number, number, number, number, number, number, number];

/** Numbers as Prometheus writes them. */
export function toNumber(text: string): number {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

class Reader {
  at = 0;
  numbers: Float64Array<ArrayBuffer> = new Float64Array(1 << 16);
  used = 0;

  constructor(private readonly text: string) {}

  /** Reads a list from behind its first bracket up to behind its last; `false` when it is written otherwise. */
  list(): boolean {
    const { text } = this;
    for (;;) {
      if (text.charCodeAt(this.at) !== BRACKET) return false;
      this.at += 1;
      if (!this.number(COMMA) || text.charCodeAt(this.at) !== QUOTE) return false;
      this.at += 1;
      if (!this.number(QUOTE) || text.charCodeAt(this.at) !== CLOSE) return false;
      this.at += 2;
      const between = text.charCodeAt(this.at - 1);
      if (between === CLOSE) return true;
      if (between !== COMMA) return false;
    }
  }

  /** Reads a number up to behind the character that ends it. */
  private number(end: number): boolean {
    const { text } = this;
    const begin = this.at;
    let at = begin;
    const negative = text.charCodeAt(at) === MINUS;
    if (negative) at += 1;
    let [mantissa, digits, fraction] = [0, 0, -1];
    let c = text.charCodeAt(at);
    for (; (c >= ZERO && c <= NINE) || (c === DOT && fraction < 0); c = text.charCodeAt((at += 1))) {
      if (c === DOT) {
        fraction = digits;
        continue;
      }
      mantissa = mantissa * 10 + (c - ZERO);
      digits += 1;
    }
    let value: number;
    if (c === end && digits > 0 && digits <= EXACT) {
      // Both are exact, and so their quotient is the nearest number there is.
      value = fraction < 0 ? mantissa : mantissa / (POWERS[digits - fraction] as number);
      if (negative) value = -value;
    } else {
      at = text.indexOf(String.fromCharCode(end), at);
      if (at < 0 || at - begin > 64) return false;
      const written = text.slice(begin, at);
      value = toNumber(written);
      if (Number.isNaN(value) && written !== "NaN") return false;
    }
    this.at = at + 1;
    if (this.used === this.numbers.length) {
      const larger = new Float64Array(this.used * 2);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers[this.used] = value;
    this.used += 1;
    return true;
  }
}

/** Takes the points out of an answer; `undefined` for what is no matrix or not written as the server does it. */
export function takePoints(text: string): Points | undefined {
  if (!text.slice(0, 200).includes('"resultType":"matrix"')) return undefined;
  const reader = new Reader(text);
  const parts: string[] = [];
  let done = 0;
  for (let found = text.indexOf(LIST); found >= 0; found = text.indexOf(LIST, done)) {
    const from = reader.used;
    reader.at = found + LIST.length - 1;
    if (!reader.list()) return undefined;
    parts.push(text.slice(done, found), `,"packed":[${from},${reader.used}]`);
    done = reader.at;
  }
  parts.push(text.slice(done));
  return { text: parts.join(""), numbers: reader.numbers.slice(0, reader.used) };
}
