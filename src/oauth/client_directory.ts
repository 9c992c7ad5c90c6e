// Who a client_id is: an app that was registered, or one that names itself by its URL. Called wherever a client_id arrives in the standard profile.
import type { Client } from '../domain/client.ts';

export type ClientAdmission = 'admitted' | 'pending' | 'refused';

export interface ClientDirectory {
  /**
   * The client of that name; null for a registered one that is unknown or switched off, and for what is no name at all. May fetch a URL
   * client's metadata document, and throws `invalid_client_id` when that is there and wrong, `temporarily_unavailable` when it cannot be had.
   */
  find(client_id: string, remote_address: string): Promise<Client | null>;
  /** Whether the client may have its answer sent there. May fetch a URL client's page. */
  acceptsRedirect(client: Client, redirect_uri: string, remote_address: string): Promise<boolean>;
  /** Whether people may log in to the client: always for registered ones, by `url_clients.policy` for the others. Asked at the authorization endpoint. */
  admission(client: Client): Promise<ClientAdmission>;
}
