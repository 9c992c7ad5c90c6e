// A page that only says something: a refusal, a login that has to wait, a welcome.

import type { Language } from '../language.ts';
import { Layout, render } from './layout.tsx';

export interface MessagePage {
  language: Language;
  stylesheet: string;
  title: string;
  text: string;
  /** A quieter second line, e.g. that nothing was sent to the app. */
  note?: string;
  /** The reference under which the audit log holds the decision. */
  error_ref?: string;
  link?: { href: string; text: string };
}

export function messagePage({ language, stylesheet, title, text, note, error_ref, link }: MessagePage): string {
  return render(
    <Layout language={language} title={title} stylesheet={stylesheet}>
      <h1>{title}</h1>
      <p>{text}</p>
      {note === undefined ? null : <p class="quiet">{note}</p>}
      {link === undefined ? null : (
        <a class="button" href={link.href}>
          {link.text}
        </a>
      )}
      {error_ref === undefined ? null : <p class="hint">{language.t('error.reference', { ref: error_ref })}</p>}
    </Layout>,
  );
}
