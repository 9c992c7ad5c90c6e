// At which servers an app uses what it gets (RFC 8707), as a person can check them.

import { asciiOnly } from '../../../domain/uri.ts';
import type { Language } from '../language.ts';

export function ResourceList({ language, resources }: { language: Language; resources: readonly string[] }) {
  if (resources.length === 0) return null;
  return (
    <>
      <p>{language.t('consent.used_at')}</p>
      <ul>
        {resources.map((resource) => (
          <li>{asciiOnly(resource)}</li>
        ))}
      </ul>
    </>
  );
}
