// The Markdown that agents write, as DOM nodes: headings, paragraphs, lists, code, bold, italic, links, and evidence ids
// in brackets. Everything else is text, so nothing that a model or a log line says becomes markup.
import { el } from "./view";

const INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|(\b_[^_\n]+_\b|\*[^*\n]+\*)|(\[[^\]\n]+\]\(https?:\/\/[^\s)]+\))|(\[[a-z][a-z0-9]*:[A-Za-z0-9.-]+(?:,? [a-z][a-z0-9]*:[A-Za-z0-9.-]+)*(?: · read [0-9TZ:.-]+)?\])/g;

function inline(text: string): Node[] {
  const nodes: Node[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index! > from) nodes.push(document.createTextNode(text.slice(from, match.index)));
    nodes.push(inlineNode(match));
    from = match.index! + match[0].length;
  }
  if (from < text.length) nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

function inlineNode(match: RegExpMatchArray): Node {
  const [whole, code, bold, italic, link] = match;
  if (code) return el("code", {}, code.slice(1, -1));
  if (bold) return el("strong", {}, ...inline(bold.slice(2, -2)));
  if (italic) return el("em", {}, italic.slice(1, -1));
  if (link) {
    const [, label, url] = /^\[([^\]]+)\]\((.+)\)$/.exec(link)!;
    return el("a", { href: url, rel: "noreferrer noopener", target: "_blank" }, label);
  }
  return el("span", { class: "evidence", title: "evidence, and when it was read" }, whole.slice(1, -1));
}

export function markdown(text: string): Node[] {
  const blocks: Node[] = [];
  const lines = text.split("\n");
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (line.startsWith("```")) {
      const code: string[] = [];
      for (at++; at < lines.length && !lines[at].startsWith("```"); at++) code.push(lines[at]);
      at++;
      blocks.push(el("pre", {}, el("code", {}, code.join("\n"))));
    } else if (/^#{1,4} /.test(line) || /^\*\*[^*]+\*\*$/.test(line)) {  // a line of bold alone is a heading too
      blocks.push(el("h3", {}, ...inline(line.replace(/^#+ |\*\*/g, ""))));
      at++;
    } else if (/^\s*([-*]|\d+\.) /.test(line)) {
      const list = el(/^\s*\d/.test(line) ? "ol" : "ul");
      for (; at < lines.length && /^\s*([-*]|\d+\.) /.test(lines[at]); at++) list.append(el("li", {}, ...inline(lines[at].replace(/^\s*([-*]|\d+\.) /, ""))));
      blocks.push(list);
    } else if (/^\s{2,}\| /.test(line)) {
      const quoted: string[] = [];  // what a log said, quoted line by line
      for (; at < lines.length && /^\s{2,}\| /.test(lines[at]); at++) quoted.push(lines[at].replace(/^\s+\| /, ""));
      blocks.push(el("pre", {}, el("code", {}, quoted.join("\n"))));
    } else if (line.trim() === "") {
      at++;
    } else {
      const paragraph: Node[] = [];
      for (; at < lines.length && lines[at].trim() !== "" && !/^(```|#{1,4} |\s*([-*]|\d+\.) |\s{2,}\| )/.test(lines[at]); at++) {
        if (paragraph.length) paragraph.push(el("br"));
        paragraph.push(...inline(lines[at]));
      }
      blocks.push(el("p", {}, ...paragraph));
    }
  }
  return blocks;
}
