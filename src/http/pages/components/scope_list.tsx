// Lists what an app would receive.

import type { Language } from '../language.ts';

export function ScopeList({ language, scopes }: { language: Language; scopes: readonly string[] }) {
  if (scopes.length === 0) return null;
  return (
    <>
      <h2>{language.t('consent.gets')}</h2>
      <ul>
        {scopes.map((scope) => (
          <li>{scope}</li>
        ))}
      </ul>
    </>
  );
}
