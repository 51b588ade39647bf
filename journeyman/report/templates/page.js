// Offers to show one group of examples at a time; without it every group is shown.
for (const box of document.querySelectorAll(".examples")) {
  const groups = [...box.querySelectorAll(".group")];
  if (groups.length < 2) continue;
  const bar = document.createElement("div");
  bar.className = "filter";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Show examples of");
  const names = ["All", ...groups.map((group) => group.dataset.group)];
  names.forEach((name, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.setAttribute("aria-pressed", String(index === 0));
    button.addEventListener("click", () => {
      for (const other of bar.children) other.setAttribute("aria-pressed", String(other === button));
      groups.forEach((group, place) => { group.hidden = index > 0 && place !== index - 1; });
    });
    bar.append(button);
  });
  groups[0].parentElement.before(bar);
}
