// The PromQL editor: CodeMirror with Prometheus's own language support, which completes from this server.

import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from "@codemirror/commands";
import { HighlightStyle, bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { Annotation, EditorState, Prec } from "@codemirror/state";
import { EditorView, drawSelection, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { useEffect, useRef } from "preact/hooks";
import { base } from "../../state/url";

const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--t-kw)" },
  { tag: tags.function(tags.variableName), color: "var(--t-fn)" },
  { tag: tags.labelName, color: "var(--t-lab)" },
  { tag: tags.string, color: "var(--t-str)" },
  { tag: [tags.number], color: "var(--t-num)" },
  { tag: tags.comment, color: "var(--text-3)", fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--crit)" },
]);

const LOOK = EditorView.theme({
  "&": { backgroundColor: "transparent", color: "var(--text)" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "var(--mono)", fontSize: "13px", lineHeight: "20px", padding: "8px 0", caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--bar) !important" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", border: "1px solid var(--line-2)", borderRadius: "6px", boxShadow: "var(--shadow)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-bg)", color: "var(--text)" },
  ".cm-completionDetail": { color: "var(--text-3)", fontStyle: "normal", marginLeft: "12px" },
  ".cm-matchingBracket": { backgroundColor: "var(--sunken) !important", outline: "1px solid var(--line-2)" },
});

/** A change that nobody wrote in the editor: another query of the page, one of the past. */
const FROM_OUTSIDE = Annotation.define<boolean>();

interface Props {
  text: string;
  label: string;
  onChange: (text: string) => void;
  onRun: () => void;
  /** An earlier or a later query. */
  onHistory: (direction: 1 | -1) => void;
}

export function Editor({ text, label, onChange, onRun, onHistory }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onChange, onRun, onHistory });
  latest.current = { onChange, onRun, onHistory };
  // What was written here comes back as `text`, perhaps only when more is written: it must not take the place of that.
  const told = useRef<string[]>([]);
  useEffect(() => {
    if (host.current === null) return;
    const promql = new PromQLExtension().setComplete({ remote: { url: base.replace(/\/$/, ""), httpMethod: "GET" }, maxMetricsMetadata: 10_000 });
    const run = () => (latest.current.onRun(), true);
    const created = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: text,
        extensions: [
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ maxRenderedOptions: 100 }),
          EditorView.lineWrapping,
          syntaxHighlighting(COLOURS),
          LOOK,
          EditorView.cspNonce.of(document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? ""),
          promql.asExtension(),
          placeholder("PromQL: node_load1, rate(http_requests_total[5m]) …"),
          EditorView.contentAttributes.of({ "aria-label": label }),
          Prec.highest(
            keymap.of([
              { key: "Mod-Enter", run },
              // Enter takes what completion offers; else it runs a query of one line. With Shift it begins a new one.
              { key: "Enter", run: (target) => acceptCompletion(target) || (target.state.doc.lines === 1 && run()), shift: insertNewlineAndIndent },
              { key: "Alt-ArrowUp", run: () => (latest.current.onHistory(1), true) },
              { key: "Alt-ArrowDown", run: () => (latest.current.onHistory(-1), true) },
            ]),
          ),
          keymap.of([...completionKeymap, ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...lintKeymap]),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged || update.transactions.some((one) => one.annotation(FROM_OUTSIDE))) return;
            const written = update.state.doc.toString();
            told.current.push(written);
            latest.current.onChange(written);
          }),
        ],
      }),
    });
    view.current = created;
    return () => created.destroy();
  }, []);
  useEffect(() => {
    const current = view.current;
    const echo = told.current.lastIndexOf(text);
    told.current = echo === -1 ? [] : told.current.slice(echo + 1);
    if (echo === -1 && current && current.state.doc.toString() !== text) {
      current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: text }, annotations: FROM_OUTSIDE.of(true) });
    }
  }, [text]);
  return <div class="editor" ref={host} />;
}
