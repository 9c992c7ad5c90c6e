// Descriptions of scopes for the consent page: built-in ones from the catalogues, others from the
// configuration.

import type { ConfiguredScope } from '../../../domain/scope.ts';
import type { Language } from '../language.ts';

export function scopeTexts(scope: readonly string[], configured: readonly ConfiguredScope[], language: Language): string[] {
  return scope.map((name) => {
    const description = configured.find((own) => own.name === name)?.description;
    if (description === undefined) return language.maybe(`scope.${name}`, name);
    return typeof description === 'string' ? description : (description[language.tag] ?? description.en ?? name);
  });
}
