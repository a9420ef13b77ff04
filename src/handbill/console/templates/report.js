(() => {
  const root = document.documentElement;
  const keep = (name, value) => { try { localStorage.setItem("handbill-" + name, value); } catch { /* a private window forgets */ } };
  const kept = (name) => { try { return localStorage.getItem("handbill-" + name); } catch { return null; } };
  const hash = new URLSearchParams(location.hash.slice(1).includes("=") ? location.hash.slice(1) : "");
  const one = (value, known) => (known.includes(value) ? value : null);
  const press = (name, value) => document.querySelectorAll(`[data-set-${name}]`).forEach((button) =>
    button.setAttribute("aria-pressed", String(button.getAttribute(`data-set-${name}`) === value)));

  const speak = (language) => {
    root.dataset.lang = language;
    root.lang = language === "zh" ? "zh-Hans" : "en";
    document.querySelectorAll("[data-zh]").forEach((element) => {
      element.dataset.en ??= element.textContent;
      element.textContent = element.dataset[language];
    });
    press("lang", language);
  };
  const light = (theme) => {
    root.dataset.theme = theme;
    press("theme", theme);
  };

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = one(hash.get("theme"), ["light", "dark"]) || one(kept("theme"), ["light", "dark"]);
  speak(one(hash.get("lang"), ["en", "zh"]) || one(kept("lang"), ["en", "zh"])
    || ((navigator.language || "en").startsWith("zh") ? "zh" : "en"));
  light(chosen || (dark.matches ? "dark" : "light"));

  const remember = (name, value) => {
    keep(name, value);
    const state = `#lang=${root.dataset.lang}&theme=${root.dataset.theme}`;
    try { history.replaceState(null, "", state); } catch { /* some viewers refuse */ }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-set-lang], [data-set-theme]");
    if (!button) return;
    const { setLang, setTheme } = button.dataset;
    if (setLang) { speak(setLang); remember("lang", setLang); }
    if (setTheme) { light(setTheme); remember("theme", setTheme); }
  });
  addEventListener("beforeprint", () => document.querySelectorAll("figure details[open]").forEach((one) => { one.open = false; }));
})();
