// A small part of Markdown to DOM nodes. Text of a model is never parsed as HTML: every node is made
// by name and every text is set as text, so nothing in it can run.

const BLOCK_START = /^(#{1,6} |```|~~~|> ?|\s*[-*+] |\s*\d{1,9}[.)] |(\*\*\*+|---+|___+)\s*$)/;

/** Returns a DocumentFragment for `text`. */
export function renderMarkdown(text) {
  const fragment = document.createDocumentFragment();
  renderBlocks(text.replace(/\r\n?/g, "\n").split("\n"), fragment);
  return fragment;
}

function element(name, ...children) {
  const node = document.createElement(name);
  node.append(...children);
  return node;
}

function renderBlocks(lines, parent) {
  let i = 0;
  while (i < lines.length) {
    const line = lines[i];
    if (line.trim() === "") {
      i += 1;
    } else if (/^(```|~~~)/.test(line)) {
      i = renderFence(lines, i, parent);
    } else if (/^#{1,6} /.test(line)) {
      const level = line.indexOf(" ");
      parent.append(inline(line.slice(level + 1).trim(), element(`h${level}`)));
      i += 1;
    } else if (/^(\*\*\*+|---+|___+)\s*$/.test(line)) {
      parent.append(element("hr"));
      i += 1;
    } else if (line.startsWith(">")) {
      i = renderQuote(lines, i, parent);
    } else if (/^\s*([-*+]|\d{1,9}[.)]) /.test(line)) {
      i = renderList(lines, i, parent);
    } else {
      i = renderParagraph(lines, i, parent);
    }
  }
}

function renderFence(lines, start, parent) {
  const mark = lines[start].slice(0, 3);
  let end = start + 1;
  while (end < lines.length && !lines[end].startsWith(mark)) end += 1;
  const code = element("code", lines.slice(start + 1, end).join("\n"));
  parent.append(element("pre", code));
  return end + 1;
}

function renderQuote(lines, start, parent) {
  let end = start;
  const inner = [];
  while (end < lines.length && lines[end].startsWith(">")) {
    inner.push(lines[end].replace(/^> ?/, ""));
    end += 1;
  }
  const quote = element("blockquote");
  renderBlocks(inner, quote);
  parent.append(quote);
  return end;
}

function renderList(lines, start, parent) {
  const ordered = /^\s*\d/.test(lines[start]);
  const item = ordered ? /^(\s*)\d{1,9}[.)] (.*)$/ : /^(\s*)[-*+] (.*)$/;
  const indent = item.exec(lines[start])[1].length;
  const list = element(ordered ? "ol" : "ul");
  if (ordered) list.start = parseInt(lines[start], 10);
  let i = start;
  while (i < lines.length) {
    const match = item.exec(lines[i]);
    if (!match || match[1].length !== indent) break;
    const inner = [match[2]];
    i += 1;
    // What is indented further belongs to the item.
    while (i < lines.length && lines[i].trim() !== "" && leadingBlanks(lines[i]) > indent) {
      inner.push(lines[i].slice(Math.min(leadingBlanks(lines[i]), indent + 2)));
      i += 1;
    }
    const node = element("li");
    inline(inner[0], node);
    renderBlocks(inner.slice(1), node);
    list.append(node);
  }
  parent.append(list);
  return i;
}

function leadingBlanks(line) {
  return line.length - line.trimStart().length;
}

function renderParagraph(lines, start, parent) {
  let end = start + 1;
  while (end < lines.length && lines[end].trim() !== "" && !BLOCK_START.test(lines[end])) end += 1;
  const paragraph = element("p");
  lines.slice(start, end).forEach((line, index) => {
    if (index > 0) paragraph.append(element("br"));
    inline(line, paragraph);
  });
  parent.append(paragraph);
  return end;
}

// Code first: nothing inside it is markup.
const INLINE = [
  [/`([^`]+)`/, (m) => element("code", m[1])],
  [/\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/, (m) => link(m[1], m[2])],
  [/\*\*(?=\S)(.*?\S)\*\*/, (m) => inline(m[1], element("strong"))],
  [/\*(?=[^\s*])([^*]*[^\s*])\*/, (m) => inline(m[1], element("em"))],
  [/https?:\/\/[^\s<>"')\]]+/, (m) => link(m[0], m[0])],
];

function link(text, url) {
  const node = element("a", text);
  node.href = url;
  node.rel = "noopener noreferrer nofollow";
  node.target = "_blank";
  return node;
}

/** Appends `text` to `parent`, the leftmost markup first, and returns `parent`. */
function inline(text, parent) {
  let rest = text;
  while (rest !== "") {
    let best = null;
    for (const [pattern, make] of INLINE) {
      const match = pattern.exec(rest);
      if (match && (best === null || match.index < best.match.index)) best = { match, make };
    }
    if (best === null) break;
    parent.append(rest.slice(0, best.match.index), best.make(best.match));
    rest = rest.slice(best.match.index + best.match[0].length);
  }
  parent.append(rest);
  return parent;
}
