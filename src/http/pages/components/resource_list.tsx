// Lists an app's resource servers (RFC 8707) in a verifiable form.

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
