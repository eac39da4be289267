/**
 * The assistant's Markdown as React elements.
 *
 * Safe by construction: marked only splits the text into tokens, and each becomes an element of the short
 * list below. No HTML is ever parsed or set; HTML in the text is shown as the text it is. Links lead only
 * to http, https and mailto, and images, which would call other servers, are shown as their description.
 */

import { marked, type MarkedToken, type Token, type Tokens } from "marked";
import { createElement, Fragment, memo, type ReactNode } from "react";

const SAFE_LINK = /^(?:https?:\/\/|mailto:)/i;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: "\u00a0" };

export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return <div className="prose">{blocks(marked.lexer(text, { gfm: true, breaks: true }))}</div>;
});

function blocks(tokens: readonly Token[] | undefined): ReactNode[] {
  return (tokens ?? []).map((token, index) => <Fragment key={index}>{element(token as MarkedToken)}</Fragment>);
}

function element(token: MarkedToken): ReactNode {
  switch (token.type) {
    case "paragraph":
      return <p>{blocks(token.tokens)}</p>;
    case "heading":
      // The page's own headings are h1 and h2.
      return createElement(`h${Math.min(token.depth + 2, 6)}`, null, blocks(token.tokens));
    case "list":
      return list(token);
    case "list_item":
      return <li>{blocks(token.tokens)}</li>;
    case "table":
      return table(token);
    case "code":
      return (
        <pre>
          <code>{token.text}</code>
        </pre>
      );
    case "blockquote":
      return <blockquote>{blocks(token.tokens)}</blockquote>;
    case "hr":
      return <hr />;
    case "strong":
      return <strong>{blocks(token.tokens)}</strong>;
    case "em":
      return <em>{blocks(token.tokens)}</em>;
    case "del":
      return <del>{blocks(token.tokens)}</del>;
    case "codespan":
      return <code>{token.text}</code>;
    case "br":
      return <br />;
    case "link":
      return link(token);
    case "image":
      return token.text;
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "text":
      return "tokens" in token && token.tokens ? blocks(token.tokens) : decoded(token.text);
    case "escape":
      return token.text;
    case "html":
      return token.raw;
    case "space":
    case "def":
      return null;
  }
}

function list(token: Tokens.List): ReactNode {
  if (!token.ordered) return <ul>{blocks(token.items)}</ul>;
  return <ol {...(typeof token.start === "number" ? { start: token.start } : {})}>{blocks(token.items)}</ol>;
}

function table(token: Tokens.Table): ReactNode {
  return (
    <div className="prose-table" tabIndex={0} role="group">
      <table>
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              <th key={index} scope="col" className={cell.align === null ? undefined : `align-${cell.align}`}>
                {blocks(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} className={cell.align === null ? undefined : `align-${cell.align}`}>
                  {blocks(cell.tokens)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function link(token: Tokens.Link): ReactNode {
  const href = decoded(token.href).trim();
  if (!SAFE_LINK.test(href)) return blocks(token.tokens);
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {blocks(token.tokens)}
    </a>
  );
}

function decoded(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}
