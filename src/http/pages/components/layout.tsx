// The layout of every page: language, title, style sheet and brand; and the rendering to text.

import type { ComponentChildren, VNode } from 'preact';
import { renderToStaticMarkup } from 'preact-render-to-string';
import type { Language } from '../language.ts';

interface Frame {
  language: Language;
  title: string;
  /** The style sheet's URL, which contains a hash. */
  stylesheet: string;
  /** The URLs of the page's scripts. */
  script?: string | readonly (string | undefined)[] | undefined;
  children: ComponentChildren;
}

function Mark() {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <path d="M8 2a6 6 0 1 0 4.9 9.5h2.6L17 13l1.5-1.5L20 13l2-2.2L19.6 8h-6.7A6 6 0 0 0 8 2Zm-1.500 4.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3ZM4 17h16v2H4v-2Z" />
    </svg>
  );
}

/** Wraps a page's content. */
export function Layout({ language, title, stylesheet, script, children }: Frame) {
  return (
    <html lang={language.tag}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="stylesheet" href={stylesheet} />
        {[script].flat().map((src) => (src === undefined ? null : <script src={src} defer />))}
      </head>
      <body>
        <main>
          <p class="brand">
            <Mark />
            <span>Latchkey</span>
          </p>
          {children}
        </main>
      </body>
    </html>
  );
}

/** A complete HTML document. */
export function render(page: VNode): string {
  return `<!doctype html>${renderToStaticMarkup(page)}`;
}
