// Which URL clients publish a metadata document; those use the standard profile only. Cached for a
// minute, since requests in Home Assistant's dialect ask for it.
import { LRUCache } from 'lru-cache';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { UrlClientRepository } from '../repository/url_clients.ts';
import type { MetadataDocuments } from './client_metadata_document.ts';

export interface DocumentClientsDeps {
  metadataDocuments: MetadataDocuments;
  urlClients: Pick<UrlClientRepository, 'find'>;
  clock: Clock;
}

/**
 * Whether the client publishes a document, or did at the last login. An unreachable document that
 * was never seen counts as none; an invalid one counts as published.
 */
export type PublishesDocument = (client_id: string, remote_address: string) => Promise<boolean>;

const KEPT_SECONDS = 60;
const MAX_KEPT = 1_000;

export function createDocumentClients({ metadataDocuments, urlClients, clock }: DocumentClientsDeps): PublishesDocument {
  const answers = new LRUCache<string, { publishes: boolean; expires_at: Date }>({ max: MAX_KEPT });

  async function isPublished(client_id: string, remote_address: string): Promise<boolean> {
    try {
      return (await metadataDocuments.find(client_id, remote_address)) !== null;
    } catch (error) {
      if (error instanceof AuthError && error.code === 'invalid_client_id') return true;
      if (error instanceof AuthError && error.code === 'temporarily_unavailable') return false;
      throw error;
    }
  }

  return async (client_id, remote_address) => {
    if (!metadataDocuments.mayPublish(client_id)) return false;
    const kept = answers.get(client_id);
    if (kept && kept.expires_at > clock()) return kept.publishes;
    const publishes = (await isPublished(client_id, remote_address)) || (await urlClients.find(client_id))?.kind === 'metadata_document';
    answers.set(client_id, { publishes, expires_at: addSeconds(clock(), KEPT_SECONDS) });
    return publishes;
  };
}
