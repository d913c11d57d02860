import { render } from "preact";
import "./styles/type.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/parts.css";
import "./styles/charts.css";
import { Shell } from "./app/shell";
import { followLinks } from "./state/url";

const root = document.getElementById("app");
if (root !== null) {
  followLinks(root);
  render(<Shell />, root);
}
