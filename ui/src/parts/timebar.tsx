// The window of time and how often a page looks anew, at the right of the page bar.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { dayMonth, hourMinute, printDuration, zone } from "../format/time";
import { EVERY, every, fixedEnd, range, readWindow, refresh, setRange, setWindow, shift, window_ } from "../state/range";
import { present } from "../state/clock";
import { utc } from "../state/settings";

const RANGES = ["5m", "15m", "1h", "2h", "6h", "12h", "1d", "2d", "7d", "30d"];

export function TimeBar({ window = true }: { window?: boolean }) {
  return (
    <>
      {window && <WindowPicker />}
      <label class="btn">
        <span class="k">every</span>
        <select class="bare" value={every.value} aria-label="Look anew every" onChange={(event) => (every.value = Number(event.currentTarget.value))}>
          {EVERY.map((seconds) => (
            <option key={seconds} value={seconds}>
              {seconds === 0 ? "never" : printDuration(seconds)}
            </option>
          ))}
        </select>
      </label>
      <button type="button" class="btn" onClick={refresh} title="Look now (r)">
        Refresh
      </button>
    </>
  );
}

function WindowPicker() {
  const [open, setOpen] = useState(false);
  const [wrong, setWrong] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    if (open) input.current?.focus();
  }, [open]);
  // Whoever came by a key goes on by keys.
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const { start, end } = window_.value;
  const clock = { utc: utc.value };
  const title = fixedEnd.value === undefined ? `Last ${printDuration(range.value)}` : printDuration(range.value);
  const days = end - start > 86_400 ? `${dayMonth(start, clock)} ` : "";
  const submit = (event: Event) => {
    event.preventDefault();
    const read = readWindow(input.current?.value ?? "", present());
    setWrong(read === undefined);
    if (read === undefined) return;
    if ("range" in read) setRange(read.range);
    else setWindow(read.start, read.end);
    close();
  };
  return (
    <span class="window-picker">
      <span class="seg">
        <button type="button" onClick={() => shift(-0.5)} aria-label="Half a window back">
          ‹
        </button>
        <button ref={button} type="button" data-key="t" aria-expanded={open} onClick={() => setOpen(!open)}>
          {title}
          <span class="t3 plain">
            {days}
            {hourMinute(start, clock)} – {hourMinute(end, clock)} {zone(end, clock)}
          </span>
        </button>
        <button type="button" onClick={() => shift(0.5)} aria-label="Half a window ahead">
          ›
        </button>
      </span>
      {open && (
        <form class="popover picker" onSubmit={submit} onKeyDown={(event) => event.key === "Escape" && close()}>
          <input ref={input} class="input" placeholder="2h, now-1d, 2026-03-12 13:00 to now" aria-label="Window of time" aria-invalid={wrong} />
          {wrong && <div class="crit small">Write a length such as 2h, or two times with “to” between them.</div>}
          <div class="ranges">
            {RANGES.map((text) => (
              <button key={text} type="button" class="btn small" onClick={() => (setRange(readRange(text)), close())}>
                {text}
              </button>
            ))}
          </div>
        </form>
      )}
    </span>
  );
}

function readRange(text: string): number {
  const read = readWindow(text, 0);
  return read && "range" in read ? read.range : 3600;
}
