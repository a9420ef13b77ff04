// Makes the headline as large as the card allows; the body gives way before it shrinks much.
// Texts stand whole: no line past the margins, no word broken, none on another.
([most, least]) => {
  const one = (name) => document.querySelector(`[data-text="${name}"]`);
  const panel = document.querySelector(".panel"), head = one("headline");
  const style = getComputedStyle(panel), edge = panel.getBoundingClientRect();
  const room = {
    left: edge.left + parseFloat(style.paddingLeft),
    right: edge.right - parseFloat(style.paddingRight),
    top: edge.top + parseFloat(style.paddingTop),
    bottom: edge.bottom - parseFloat(style.paddingBottom),
  };
  const air = parseFloat(getComputedStyle(panel).gap) * .5;
  const texts = () => [...document.querySelectorAll("[data-text]")];
  const lines = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return [...range.getClientRects()];
  };
  const fits = () => texts().every((element) => lines(element).every((line) =>
      line.left >= room.left - 1 && line.right <= room.right + 1
      && line.top >= room.top - line.height * .2 && line.bottom <= room.bottom + line.height * .2))
    && texts().every((element, at, all) => all.slice(at + 1).every((other) => {
      const a = element.getBoundingClientRect(), b = other.getBoundingClientRect();
      const told = [element, other].some((text) => text === head || text === one("body"));
      const between = told ? air : 0;
      return a.right <= b.left + 1 || b.right <= a.left + 1
        || a.bottom + between <= b.top + 1 || b.bottom + between <= a.top + 1;
    }));
  const set = (size) => {
    document.body.style.setProperty("--headline", `${size}px`);
    return fits();
  };
  const search = () => {
    let low = least, high = most;
    if (!set(low)) return 0;
    while (high - low > .5) {
      const middle = (low + high) / 2;
      if (set(middle)) low = middle; else high = middle;
    }
    set(low);
    return low;
  };
  const body = one("body");
  let size = search();
  if (body && size < Math.min(most, least * 2.2)) { body.remove(); size = search(); }
  return {
    fits: size > 0, headline: size,
    boxes: texts().map((element) => {
      const all = lines(element), seen = getComputedStyle(element);
      return {
        name: element.dataset.text,
        left: Math.min(...all.map((line) => line.left)),
        top: Math.min(...all.map((line) => line.top)),
        right: Math.max(...all.map((line) => line.right)),
        bottom: Math.max(...all.map((line) => line.bottom)),
        size: parseFloat(seen.fontSize), weight: parseInt(seen.fontWeight), colour: seen.color,
      };
    }),
  };
}
