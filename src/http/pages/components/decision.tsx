// The end of a page that asks for consent: allow or deny, and the link to another account.

import type { Language } from '../language.ts';

interface DecisionProps {
  /** The name of both buttons; the values are `allow` and `deny`. */
  name: string;
  allow: string;
  deny: string;
}

export function DecisionButtons({ name, allow, deny }: DecisionProps) {
  return (
    <>
      <button type="submit" name={name} value="allow">
        {allow}
      </button>
      <button type="submit" name={name} value="deny" class="second">
        {deny}
      </button>
    </>
  );
}

export function OtherAccount({ language, href }: { language: Language; href: string }) {
  return (
    <p class="other">
      <a href={href}>{language.t('consent.other_account')}</a>
    </p>
  );
}
