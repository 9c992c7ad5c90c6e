// A page with a message only: an error, a pending approval, a welcome.

import type { Language } from '../language.ts';
import { Layout, render } from './layout.tsx';

export interface MessagePage {
  language: Language;
  stylesheet: string;
  title: string;
  text: string;
  /** A less prominent second line. */
  note?: string;
  /** The reference of the audit event. */
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
