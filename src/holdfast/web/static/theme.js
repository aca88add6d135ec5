/** Light or dark: as the system says, or as was chosen here. */

import { effect, signal } from "./lib.js";

const KEY = "holdfast.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
system.addEventListener("change", () => (systemDark.value = system.matches));

/** "auto", "light" or "dark". */
export const theme = signal(kept());

/** What is kept in this browser; nothing where it keeps nothing. */
function kept() {
  try {
    return localStorage.getItem(KEY) ?? "auto";
  } catch {
    return "auto";
  }
}

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // it is forgotten with the tab
  }
});

export function nextTheme() {
  theme.value = theme.value === "auto" ? "light" : theme.value === "light" ? "dark" : "auto";
}

/** A colour of the style as it is now; reading it makes a chart follow the theme. @param {string} name */
export function colour(name) {
  void theme.value;
  void systemDark.value;
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

/** Changes whenever the colours do. */
export function paint() {
  return `${theme.value} ${systemDark.value}`;
}
